"""Base classes of importers of texts about CelebA and CelebA-HQ pictures."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from unif2ace.attributes import AttributeMapping, AttributeRecord
from unif2ace.data.shards import SampleFault
from unif2ace.data.sources.celeba_list import check_signs, find_list, needed_list, optional_list, read_list
from unif2ace.data.sources.joined import JoinedSource, PictureEntry, known
from unif2ace.data.sources.paths import existing_folder
from unif2ace.data.sources.text_files import read_lines

LICENSE: Final = "CelebA agreement: non-commercial research only, no redistribution"
IDENTITIES: Final = "identity_CelebA.txt"
ORIGINALS: Final = "CelebA-HQ-to-CelebA-mapping.txt"


@dataclass(kw_only=True, eq=False)
class CelebATextSource(JoinedSource):
    """CelebA pictures with texts, and with the 40 labels and the identities if their lists are found.

    Args:
        path: Folder of the data set.
        images: Folder of the pictures below `path`; None for the first of `IMAGES` that exists, else the whole folder.
        attributes: File with the 40 labels; None for the first of `ATTRIBUTES`, which may be missing.
        identities: File with CelebA's identities; the default file may be missing.
        hide: Attributes outside the crop; their labels are set to null.
        license: Terms of use, written into every sample.
        size: Image side in pixels; None keeps square files unchanged and crops others to a square.
    """

    path: str
    images: str | None = None
    attributes: str | None = None
    identities: str | None = IDENTITIES
    hide: Sequence[str] = ("necklace", "necktie")
    license: str | None = LICENSE
    size: int | None = None

    PLACES: ClassVar[frozenset[str]] = frozenset(("path", "images", "attributes", "identities", "captions"))
    IMAGES: ClassVar[tuple[str, ...]] = ()
    ATTRIBUTES: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def _texts(self, root: Path) -> Iterator[tuple[object, PictureEntry | SampleFault]]:
        """Yields the name and the texts of each picture."""

    def __post_init__(self) -> None:
        self._set_up()
        AttributeRecord().hide(*self.hide)  # an unknown attribute fails before anything is read
        root = existing_folder(self.path)
        usual = next((root / place for place in self.IMAGES if (root / place).is_dir()), root)
        self._open({"images": existing_folder(root / self.images if self.images else usual, "source.images")})
        self._join(self._texts(root))
        # Labels and persons are only of pictures with a text: lists are of all of CelebA.
        with_text = set(self._entries)
        self._join(self._labels(root), optional="labels")
        self._join(self._persons(root), optional="identities")
        for picture in set(self._entries) - with_text:
            del self._entries[picture]
        self._finish()

    def _labels(self, root: Path) -> Iterator[tuple[object, PictureEntry]]:
        found = [f for name in self.ATTRIBUTES if (f := find_list(root, name))]
        path = needed_list(root, self.attributes) if self.attributes else next(iter(found), None)
        if path is None:
            self._notes.append(f"labels: none, because {' or '.join(self.ATTRIBUTES)} is missing (source.attributes)")
            return
        mapping, labels = AttributeMapping("celeba"), read_list(path)
        mapping(dict.fromkeys(labels.columns))  # every column must be a label
        check_signs(labels)
        for file, place, row in zip(labels.files, labels.places, labels.values, strict=True):
            said = mapping({c: None if v == 0 else bool(v > 0) for c, v in zip(labels.columns, row, strict=True)})
            yield file, PictureEntry(place, known(said.hide(*self.hide)))

    def _persons(self, root: Path) -> Iterator[tuple[object, PictureEntry]]:
        path = optional_list(root, self.identities, IDENTITIES, "source.identities")
        if path is None:
            self._notes.append(f"no {IDENTITIES}: each picture counts as a separate person (source.identities)")
            return
        listed = read_list(path, ["identity"])
        person = {file: f"celeba_{row[0]}" for file, row in zip(listed.files, listed.values, strict=True)}
        for name, original in self._originals(root, listed.files):
            if original in person:
                yield name, PictureEntry(path.name, identity=person[original])

    def _originals(self, root: Path, files: Sequence[str]) -> Iterator[tuple[str, str]]:
        """Yields the name of each picture and its file name in CelebA."""
        yield from ((file, file) for file in files)


class CelebAHQTextSource(CelebATextSource):
    """CelebA-HQ pictures with texts. Their numbers are mapped to CelebA's numbers to find identities."""

    ATTRIBUTES: ClassVar[tuple[str, ...]] = ("CelebAMask-HQ-attribute-anno.txt", "list_attr_celeba_hq.txt")
    IMAGES: ClassVar[tuple[str, ...]] = ("CelebA-HQ-img", "image/images", "image", "images")

    def _originals(self, root: Path, files: Sequence[str]) -> Iterator[tuple[str, str]]:
        path = find_list(root, ORIGINALS)
        if path is None:
            self._notes.append(f"no {ORIGINALS}: each picture counts as a separate person")
            return
        for line in read_lines(path):
            cells = line.split()
            if len(cells) == 3 and cells[0].isdecimal():  # the first line has the names of the columns
                yield cells[0], cells[2]
