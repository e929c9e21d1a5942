"""CelebA: 202,599 photographs of 10,177 celebrities with 40 labels each (Liu et al., ICCV 2015)."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from unif2ace.attributes import AttributeMapping, AttributeRecord
from unif2ace.data.shards import SampleFault, decode_image
from unif2ace.data.sources.alignment import check_square, cut_square, face_square
from unif2ace.data.sources.base import SourceItem, SourceReport
from unif2ace.data.sources.celeba_list import CelebAList, check_signs, needed_list, optional_list, read_list
from unif2ace.data.sources.paths import existing_folder, list_folder, unique_keys
from unif2ace.data.sources.picture_finder import PictureFinder
from unif2ace.data.sources.pictures import check_size
from unif2ace.errors import ConfigError, DataError, nearest

LICENSE: Final = "CelebA agreement: non-commercial research only, no redistribution"
OUTSIDE: Final = ("necklace", "necktie")
SIZE_OF_ALIGNED: Final = (178, 218)  # width, height
# Mean landmarks of the aligned images, whose eyes are at one height: left eye, right eye, mouth.
MEAN_LANDMARKS: Final = np.array([[69.4, 111.2], [107.6, 111.2], [88.4, 151.6]])
IDENTITIES: Final = "identity_CelebA.txt"
LANDMARKS: Final = "list_landmarks_align_celeba.txt"
_POINTS: Final = tuple(
    f"{point}_{axis}" for point in ("lefteye", "righteye", "nose", "leftmouth", "rightmouth") for axis in "xy"
)


class CelebASource:
    """The aligned and cropped images of CelebA, cropped like FFHQ, with labels and identities.

    From https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html, under the CelebA agreement: non-commercial research only, no
    redistribution. Two layouts are supported: the release (lists as txt, beside the images or in ``Anno``) and Kaggle's
    copy (lists as csv). Each list is searched in `path` and in ``Anno``, as txt and as csv.

    Each image is cropped to FFHQ's square, from its own landmarks if they exist, otherwise from the mean landmarks. The
    crop ends at the neck. The labels for necklaces and neckties refer to the whole photograph and are therefore set to
    null.

    Args:
        path: Folder of the CelebA data set.
        images: Folder of the aligned images, below `path`.
        attributes: File with the 40 labels of each image.
        identities: File with the identity of each image. If it is missing or None, each image counts as a separate
            person.
        landmarks: File with the landmarks of each image. If it is missing or None, all images are cropped at the mean
            landmarks.
        size: Image side in pixels; the crop is about 156 pixels wide in the aligned images.

    Raises:
        ConfigError: If `size` is not in 16..1024.
        DataError: If the folder or the labels are missing, a list is malformed, or no listed image exists.
    """

    name = "celeba"

    def __init__(
        self,
        path: str,
        images: str = "img_align_celeba",
        attributes: str = "list_attr_celeba.txt",
        identities: str | None = IDENTITIES,
        landmarks: str | None = LANDMARKS,
        size: int = 128,
    ) -> None:
        check_size(size)
        if size is None:
            raise ConfigError("source.size=null: the pictures are always cropped and resized; set source.size=128")
        folder = existing_folder(path)
        self.size = size
        self._images = _find_images(folder, images)
        self._mapping = AttributeMapping("celeba")
        labels = read_list(needed_list(folder, attributes))
        self._columns = labels.columns
        self._mapping(dict.fromkeys(labels.columns))  # every column must be a label
        check_signs(labels)
        finder = PictureFinder({"": self._images}, {"": list_folder(self._images).pictures})
        there = _present(finder, labels)
        rows = [i for i, file in enumerate(labels.files) if file in there]
        if not rows:
            raise DataError(f"{self._images} holds none of the {len(labels.files):,} pictures listed in {attributes}")
        self._absent = [file for file in labels.files if file not in there]
        self._unlisted = [picture.file for picture in finder.unused]
        files = [labels.files[i] for i in rows]
        self._found = finder.notes
        self._files = [there[file] for file in files]
        self._labels = labels.values[rows].astype(np.int8)
        self._keys = unique_keys([f.rpartition(".")[0] for f in self._files], prefix="celeba-")
        people = optional_list(folder, identities, IDENTITIES, "source.identities")
        points = optional_list(folder, landmarks, LANDMARKS, "source.landmarks")
        self._people = read_list(people, ["identity"]).select(["identity"], files) if people else None
        self._points = read_list(points).select(_POINTS, files) if points else None
        self._lists = {"labels": labels.path, "identities": people, "landmarks": points}
        self._digest = labels.digest

    @property
    def missing(self) -> int:
        """Number of listed images that do not exist."""
        return len(self._absent)

    def __len__(self) -> int:
        return len(self._files)

    def key(self, index: int) -> str:
        """``celeba-`` and the image's number."""
        return self._keys[index]

    def identity(self, index: int) -> str:
        """The person's number as ``celeba_2880``; the sample's key if there is no identity file."""
        return self._keys[index] if self._people is None else f"celeba_{self._people[index, 0]}"

    def record(self, index: int) -> AttributeRecord:
        """The labels, without attributes outside the crop."""
        said = self._mapping({c: bool(v > 0) for c, v in zip(self._columns, self._labels[index], strict=True)})
        return said.hide(*OUTSIDE)

    def items(self, indices: Sequence[int]) -> list[SourceItem]:
        """The images at these indices, cropped to uint8 (size, size, 3)."""
        return [self._item(i) for i in indices]

    def report(self) -> SourceReport:
        """Number of listed and existing images, and the lists that were found."""
        listed = len(self._files) + len(self._absent)
        lines = [f"{len(self._files):,} of {listed:,} listed pictures are in {self._images}"]
        lines += self._found
        if self._absent:
            lines.append(f"listed and missing: {len(self._absent):,}, the first {self._absent[0]}")
        if self._unlisted:
            lines.append(f"not listed, not used: {len(self._unlisted):,} files, the first {self._unlisted[0]}")
        absent = sorted(self._mapping.meanings.keys() - {self._mapping.find(column) for column in self._columns})
        without = f"; without {', '.join(absent)}" if absent else ""
        lines.append(f"labels: {len(self._columns)} of {self._lists['labels']}{without}")
        apart = "none found; each picture counts as a separate person"
        lines.append(f"persons: {self._lists['identities'] or apart} (source.identities)")
        mean = "none found; every picture is cropped at the mean landmarks"
        lines.append(f"landmarks: {self._lists['landmarks'] or mean} (source.landmarks)")
        return SourceReport(tuple(lines))

    def _item(self, index: int) -> SourceItem:
        file = self._images / self._files[index]
        try:
            pixels = decode_image(file.read_bytes())
        except OSError as error:
            raise SampleFault("read", f"{file} cannot be read: {error.strerror or error}") from error
        except SampleFault as fault:
            raise SampleFault(fault.cause, f"{file}: {fault.message}") from fault
        if (got := pixels.shape[1::-1]) != SIZE_OF_ALIGNED:
            wanted = "x".join(map(str, SIZE_OF_ALIGNED))
            message = f"{file} has {got[0]}x{got[1]} pixels; CelebA's aligned pictures have {wanted}"
            raise SampleFault("size", message)
        corners = face_square(*self._landmarks(index))
        try:
            check_square(corners, *SIZE_OF_ALIGNED)
        except SampleFault as fault:
            where = self._lists["landmarks"]
            raise SampleFault(fault.cause, f"{where}, row of {file.name}: {fault.message}") from fault
        image = cut_square(pixels, corners, self.size)
        return SourceItem(image, self.record(index), LICENSE, provenance={"file": file.name})

    def _landmarks(self, index: int) -> NDArray[np.float64]:
        """Left eye, right eye and the midpoint of the mouth, float64 (3, 2) as (x, y)."""
        if self._points is None:
            return MEAN_LANDMARKS
        left_eye, right_eye, _, left_mouth, right_mouth = self._points[index].reshape(5, 2).astype(np.float64)
        return np.stack([left_eye, right_eye, (left_mouth + right_mouth) / 2])

    def describe(self) -> dict[str, Any]:
        """Name, size, and fingerprints of landmarks, identities, labels and image names."""
        return {
            "name": self.name,
            "size": self.size,
            "inputs": {
                "landmarks": "mean" if self._points is None else sha256(self._points.tobytes()).hexdigest(),
                "identities": None if self._people is None else sha256(self._people.tobytes()).hexdigest(),
                "labels": self._digest,
                "pictures": sha256("\n".join(self._files).encode("utf-8", "surrogateescape")).hexdigest(),
            },
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


def _present(finder: PictureFinder, labels: CelebAList) -> dict[str, str]:
    """Path of each listed image that exists, by its name in the list."""
    found = {}
    for file, place in zip(labels.files, labels.places, strict=True):
        try:
            found[file] = finder.find(file, place).file
        except SampleFault as fault:
            if fault.cause != "missing":
                raise DataError(fault.message) from fault
    return found
