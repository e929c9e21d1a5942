"""A sample of a shard: an image (``KEY.jpg``, ``png`` or ``webp``) and its metadata (``KEY.json``)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from unif2ace.attributes import AttributeRecord
from unif2ace.data.shards.images import decode_image
from unif2ace.language.question import Question

SCHEMA_VERSION: Final = 1
KEY_PATTERN: Final = re.compile(r"[a-z0-9_-]{1,80}", re.ASCII)  # tar names have 100 characters, extension included


@dataclass(frozen=True, slots=True)
class Metadata:
    """Contents of KEY.json.

    Attributes:
        source: Short name of the image's source.
        license: Terms under which the image may be used.
        caption: The main caption; None if there is no caption yet.
        captions: Further captions of the same image.
        attributes: Known fields and stated labels; null or absent if unknown. Metadata read from a shard has a
            validated plain mapping instead of an `AttributeRecord`, because building a record takes about as long as
            decoding a small image.
        qa: Questions with answers.
        provenance: Origin and processing of the image, as plain JSON values.
        identity: Identifier of the person; None if unknown.
        extra: Entries outside the schema, unchanged.
    """

    source: str
    license: str
    caption: str | None = None
    captions: tuple[str, ...] = ()
    attributes: Mapping[str, str | bool | None] = field(default_factory=dict)
    qa: tuple[Question, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    identity: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def record(self) -> AttributeRecord:
        """The attributes as a record, which has every field and the derived labels."""
        return self.attributes if isinstance(self.attributes, AttributeRecord) else AttributeRecord(self.attributes)

    def to_json(self) -> dict[str, Any]:
        """Contents of KEY.json, with keys in a fixed order."""
        known = self.attributes
        return {
            "schema": SCHEMA_VERSION,
            "source": self.source,
            "license": self.license,
            "caption": self.caption,
            "captions": list(self.captions),
            "attributes": known.to_json() if isinstance(known, AttributeRecord) else dict(known),
            "qa": [question._asdict() for question in self.qa],
            "provenance": dict(self.provenance),
            **({} if self.identity is None else {"identity": self.identity}),
            **self.extra,
        }

    def encode(self) -> bytes:
        """KEY.json as compact UTF-8; equal metadata gives equal bytes."""
        return json.dumps(self.to_json(), ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class Sample:
    """An encoded image with its metadata.

    Attributes:
        key: Name of the sample, with the characters ``a-z0-9_-``.
        image: Bytes of the image file.
        extension: ``jpg``, ``png`` or ``webp``.
        metadata: Contents of KEY.json.
        others: Further files by extension, such as ``tokens.npy``.
    """

    key: str
    image: bytes
    extension: str
    metadata: Metadata
    others: Mapping[str, bytes] = field(default_factory=dict)

    def pixels(self) -> NDArray[np.uint8]:
        """The image as RGB, uint8 (H, W, 3).

        Raises:
            SampleFault: If the image does not decode or is too large.
        """
        return decode_image(self.image, self.extension)
