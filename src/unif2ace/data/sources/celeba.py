"""CelebA: 202,599 photographs of 10,177 celebrities with 40 labels each (Liu et al., ICCV 2015)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from unif2ace.attributes import AttributeMapping, AttributeRecord
from unif2ace.data.shards import SampleFault, decode_image
from unif2ace.data.sources.alignment import cut_square, face_square
from unif2ace.data.sources.base import SourceItem
from unif2ace.data.sources.paths import existing_folder, unique_keys
from unif2ace.data.sources.pictures import check_size
from unif2ace.errors import ConfigError, DataError, nearest

LICENSE: Final = "CelebA agreement: non-commercial research only, no redistribution"
OUTSIDE: Final = ("necklace", "necktie")
SIZE_OF_ALIGNED: Final = (178, 218)  # width, height
# Mean landmarks of the aligned images, whose eyes are at one height: left eye, right eye, mouth.
MEAN_LANDMARKS: Final = np.array([[69.4, 111.2], [107.6, 111.2], [88.4, 151.6]])
_POINTS: Final = ("lefteye", "righteye", "nose", "leftmouth", "rightmouth")


@dataclass(frozen=True, slots=True)
class _List:
    """One of CelebA's lists: files, column names, and integers (N, C) for N files and C columns."""

    files: tuple[str, ...]
    columns: tuple[str, ...]
    values: NDArray[np.int32]
    digest: str


class CelebASource:
    """The aligned and cropped images of CelebA, cropped like FFHQ, with labels and identities.

    From https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html, under its agreement: non-commercial research only, without
    redistribution. Two layouts are supported: the release's (lists as txt, beside the images or in ``Anno``) and
    Kaggle's (lists as csv). The release's files are searched under the given names, in `path` and in ``Anno``, as txt
    and as csv.

    The crop is FFHQ's square around each face if landmarks exist, else around the mean face. It ends at the neck, so
    necklaces and neckties, which were labelled on the whole photograph, are null.

    Args:
        path: Folder of the data set.
        images: Folder of the aligned images.
        attributes: List of the 40 labels.
        identities: List of identities; without it each image is a separate person.
        landmarks: List of eyes, nose and mouth.
        size: Image side in pixels; the square is about 156 pixels wide in the originals.

    Raises:
        ConfigError: If the size is out of range.
        DataError: If the folder or the labels are missing, a list is malformed, or no listed image exists.
    """

    name = "celeba"

    def __init__(
        self,
        path: str,
        images: str = "img_align_celeba",
        attributes: str = "list_attr_celeba.txt",
        identities: str = "identity_CelebA.txt",
        landmarks: str = "list_landmarks_align_celeba.txt",
        size: int = 128,
    ) -> None:
        check_size(size)
        if size is None:
            raise ConfigError("size=null: the pictures are cut to squares; set source.size=128")
        folder = existing_folder(path)
        self.size = size
        self._images = _find_images(folder, images)
        self._mapping = AttributeMapping("celeba")
        labels = _read_list(_needed(folder, attributes))
        self._columns = labels.columns
        self._mapping(dict.fromkeys(labels.columns))  # every column must be a label
        there = set(os.listdir(self._images))
        rows = [i for i, file in enumerate(labels.files) if file in there]
        if not rows:
            raise DataError(f"{self._images} holds none of the {len(labels.files):,} pictures that {attributes} lists")
        self.missing = len(labels.files) - len(rows)
        self._files = [labels.files[i] for i in rows]
        self._labels = labels.values[rows].astype(np.int8)
        self._keys = unique_keys([f.rpartition(".")[0] for f in self._files], prefix="celeba-")
        people = _find(folder, identities)
        points = _find(folder, landmarks)
        self._people = self._aligned_rows(people, ["identity"]) if people else None
        self._points = self._aligned_rows(points, [f"{p}_{axis}" for p in _POINTS for axis in "xy"]) if points else None
        self._digest = labels.digest

    def _aligned_rows(self, file: Path, columns: list[str]) -> NDArray[np.int32]:
        """Rows of another list in the order of the images, int32 (N, C)."""
        other = _read_list(file, columns)
        if len(other.columns) != len(columns):
            raise DataError(f"{file} has {len(other.columns)} columns after the file name; {len(columns)} are needed")
        place = {name: i for i, name in enumerate(other.files)}
        lacking = next((name for name in self._files if name not in place), None)
        if lacking is not None:
            raise DataError(f"{file} has no row for {lacking}; take lists and pictures from one copy of the data set")
        return other.values[[place[name] for name in self._files]]

    def __len__(self) -> int:
        return len(self._files)

    def key(self, index: int) -> str:
        """``celeba-`` and the image's number."""
        return self._keys[index]

    def identity(self, index: int) -> str:
        """The person's number, as ``celeba_2880``; the key without a list of identities."""
        return self._keys[index] if self._people is None else f"celeba_{self._people[index, 0]}"

    def record(self, index: int) -> AttributeRecord:
        """The labels of attributes that the crop shows."""
        said = self._mapping({c: bool(v > 0) for c, v in zip(self._columns, self._labels[index], strict=True)})
        return said.hide(*OUTSIDE)

    def items(self, indices: Sequence[int]) -> list[SourceItem]:
        """The images at these indices, as pixels uint8 (size, size, 3); an error names the file."""
        return [self._item(i) for i in indices]

    def _item(self, index: int) -> SourceItem:
        file = self._images / self._files[index]
        try:
            pixels = decode_image(file.read_bytes(), file.suffix[1:].lower())
        except OSError as error:
            raise DataError(f"{file} cannot be read: {error.strerror or error}") from error
        except SampleFault as fault:
            raise DataError(f"{file}: {fault.message}") from fault
        if (got := pixels.shape[1::-1]) != SIZE_OF_ALIGNED:
            wanted = "x".join(map(str, SIZE_OF_ALIGNED))
            raise DataError(f"{file} has {got[0]}x{got[1]} pixels; the aligned pictures have {wanted}")
        image = cut_square(pixels, face_square(*self._landmarks(index)), self.size)
        return SourceItem(image, self.record(index), LICENSE, provenance={"file": file.name})

    def _landmarks(self, index: int) -> NDArray[np.float64]:
        """Left eye, right eye and the midpoint of the mouth, float64 (3, 2) as (x, y)."""
        if self._points is None:
            return MEAN_LANDMARKS
        left_eye, right_eye, _, left_mouth, right_mouth = self._points[index].reshape(5, 2).astype(np.float64)
        return np.stack([left_eye, right_eye, (left_mouth + right_mouth) / 2])

    def describe(self) -> dict[str, Any]:
        """Size, kind of crop, and fingerprints of the lists and of the existing files."""
        return {
            "name": self.name,
            "size": self.size,
            "cut": "mean" if self._points is None else sha256(self._points.tobytes()).hexdigest(),
            "identities": None if self._people is None else sha256(self._people.tobytes()).hexdigest(),
            "labels": self._digest,
            "files": sha256("\n".join(self._files).encode()).hexdigest(),
        }


def _find_images(folder: Path, images: str) -> Path:
    # The release unpacks to Img/img_align_celeba, Kaggle's archive to a nested folder of the same name.
    places = [folder / images / Path(images).name, folder / images, folder / "Img" / images]
    found = next((p for p in places if p.is_dir()), None)
    if found is None:
        there = sorted(p.name for p in folder.iterdir() if p.is_dir())
        holds = nearest(images, there) or f"; its folders are {', '.join(there) or 'none'}"
        raise DataError(f"{folder} has no folder {images!r} of aligned pictures{holds} (source.images)")
    return found


def _find(folder: Path, name: str) -> Path | None:
    names = (name, str(Path(name).with_suffix(".csv")))
    return next((f for n in names for f in (folder / n, folder / "Anno" / n) if f.is_file()), None)


def _needed(folder: Path, name: str) -> Path:
    found = _find(folder, name)
    if found is None:
        there = sorted(p.name for p in folder.iterdir() if p.is_file())
        raise DataError(f"{folder} has no {name}, nor as csv, nor in Anno{nearest(name, there)}")
    return found


def _read_list(file: Path, columns: list[str] | None = None) -> _List:
    """Reads a list: txt has a count, column names, then rows split by blanks (identities: rows only); csv a header."""
    data = file.read_bytes()
    lines = data.decode("utf-8-sig", "replace").replace(",", " ").split("\n")
    first = 0
    if file.suffix.lower() == ".csv":
        columns, first = lines[0].split()[1:], 1
    elif len(lines) > 2 and lines[0].strip().isdigit():
        columns, first = lines[1].split(), 2
    if not columns:
        raise DataError(f"{file}:1: neither a count and column names, nor a csv header")
    files: list[str] = []
    rows: list[NDArray[np.int32]] = []
    for number, line in enumerate(lines[first:], start=first + 1):
        name, _, rest = line.strip().partition(" ")
        if not name:
            continue
        try:
            rows.append(np.array(rest.split(), dtype=np.int32))
        except ValueError as error:
            raise DataError(f"{file}:{number}: {error}") from error
        if len(rows[-1]) != len(columns):
            raise DataError(f"{file}:{number}: {len(rows[-1])} numbers for {len(columns)} columns; the file is torn")
        files.append(name)
    if not rows:
        raise DataError(f"{file} has no rows")
    if first == 2 and int(lines[0]) != len(rows):
        raise DataError(f"{file}: {len(rows):,} rows, but its first line says {int(lines[0]):,}; the file is torn")
    return _List(tuple(files), tuple(columns), np.stack(rows), sha256(data).hexdigest())
