"""What every source of faces offers: a known number of pictures, each with what is known about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from unif2ace.attributes import AttributeRecord


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """A picture as its file's bytes, kept as they are.

    Attributes:
        data: The file's bytes.
        extension: ``jpg``, ``png`` or ``webp``.
    """

    data: bytes
    extension: str


@dataclass(frozen=True, slots=True)
class SourceItem:
    """One picture and what its source says about it.

    Attributes:
        image: uint8 pixels (H, W, 3), or the encoded file to store unchanged.
        record: What is known about the face.
        license: Under which terms the picture may be used.
        captions: Captions that came with it; empty if the grammar is to write them.
        provenance: Where it came from, as plain JSON values.
    """

    image: NDArray[np.uint8] | EncodedImage
    record: AttributeRecord
    license: str
    captions: tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)


class Source(Protocol):
    """A finite, ordered set of pictures. Equal arguments give equal items, in any process.

    Everything but `items` must be cheap: keys, identities and records are read for all pictures before the first
    picture is opened.

    Attributes:
        name: Short name, written into every sample.
    """

    name: str

    def __len__(self) -> int:
        """Number of pictures."""

    def key(self, index: int) -> str:
        """Unique name of a sample, of the characters ``a-z0-9_-``."""

    def identity(self, index: int) -> str:
        """Who is in the picture: pictures of one identity never fall into different splits."""

    def record(self, index: int) -> AttributeRecord:
        """What is known about the face."""

    def items(self, indices: Sequence[int]) -> list[SourceItem]:
        """The pictures at these places.

        Raises:
            DataError: If a picture cannot be read; the message names the file.
        """

    def describe(self) -> dict[str, Any]:
        """All that decides the items, as plain JSON: a build is resumed only where this is the same."""
