"""Protocol of face sources: a finite sequence of images with their attributes, captions and questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from unif2ace.attributes import AttributeRecord
from unif2ace.data.shards import SampleFault
from unif2ace.errors import DataError
from unif2ace.language.question import Question


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """An image as the unchanged bytes of its file.

    Attributes:
        data: The file's bytes.
        extension: ``jpg``, ``png`` or ``webp``.
    """

    data: bytes
    extension: str


@dataclass(frozen=True, slots=True)
class SourceItem:
    """One image with its attributes, license, captions and questions.

    Attributes:
        image: uint8 pixels (H, W, 3), or the encoded file to store unchanged.
        record: Known attributes of the face.
        license: Terms under which the image may be used.
        captions: Captions of the source; if empty, the build generates captions.
        provenance: Origin of the image, as plain JSON values.
        questions: Questions and answers of the source; if empty, the build generates questions.
    """

    image: NDArray[np.uint8] | EncodedImage
    record: AttributeRecord
    license: str
    captions: tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    questions: tuple[Question, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceReport:
    """Summary of a source: what was found, what is used, and what is left out.

    Attributes:
        lines: Lines of text for the user.
        faults: Faults of samples that are left out without reading their image, e.g. a missing file.
    """

    lines: tuple[str, ...] = ()
    faults: tuple[SampleFault, ...] = ()


class Source(Protocol):
    """A finite sequence of images. The same constructor arguments give the same items in every process.

    All methods except `items` must be cheap, because a build reads all keys, identities and records before the first
    image. A source may also have a method ``report() -> SourceReport``, which every import prints.

    Attributes:
        name: Short name, written into every sample.
    """

    name: str

    def __len__(self) -> int:
        """Number of images."""

    def key(self, index: int) -> str:
        """Unique name of a sample, with the characters ``a-z0-9_-``."""

    def identity(self, index: int) -> str:
        """Identifier of the person; all images of one identity are in the same split."""

    def record(self, index: int) -> AttributeRecord:
        """Known attributes of the face."""

    def items(self, indices: Sequence[int]) -> list[SourceItem]:
        """The images and their data at these indices.

        Raises:
            SampleFault: If an image cannot be read; the message names the file.
        """

    def describe(self) -> dict[str, Any]:
        """All settings that determine the items, as plain JSON; a build resumes only if they are equal.

        The entry ``inputs`` holds fingerprints of the input files, such as ``{"pictures": ..., "table": ...}``.
        """


def report_of(source: Source) -> SourceReport:
    """The report of a source; only the number of pictures if the source has no `report` method."""
    report = getattr(source, "report", None)
    return report() if report else SourceReport((f"{len(source):,} pictures",))


def read_items(source: Source, indices: Sequence[int]) -> list[SourceItem | SampleFault]:
    """Reads the images at these indices; an unreadable image gives a `SampleFault` in its position."""
    try:
        return list(source.items(indices))
    except DataError as error:
        if len(indices) == 1:
            fault = error if isinstance(error, SampleFault) else SampleFault("read", str(error))
            return [fault.at(fault.shard, source.key(indices[0]))]
        return [one for index in indices for one in read_items(source, [index])]
