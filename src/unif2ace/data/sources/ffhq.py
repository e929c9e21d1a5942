"""FFHQ: 70,000 aligned photographs from Flickr (Karras et al., CVPR 2019), with estimated features and licenses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

from unif2ace.attributes.ffhq import record_of_ffhq
from unif2ace.data.shards import SampleFault
from unif2ace.data.sources.joined import JoinedSource, PictureEntry, known
from unif2ace.data.sources.paths import existing_folder
from unif2ace.data.sources.tables import read_json
from unif2ace.errors import DataError, nearest

IMAGES: Final = ("images1024x1024", "thumbnails128x128")
FEATURES: Final = ("json", "features", "ffhq-features-dataset/json", "ffhq_features.json")
METADATA: Final = "ffhq-dataset-v2.json"


@dataclass(kw_only=True, eq=False)
class FFHQSource(JoinedSource):
    """The images of FFHQ, with features if they are there.

    Features are what a face service estimated (`record_of_ffhq`): one JSON file for each image, or one for all. The
    file ``ffhq-dataset-v2.json`` of the release has the license and the author of each photograph. Each image shows
    another person as far as is known.

    Args:
        path: Folder of the data set.
        images: Folder of the images below it; None takes ``images1024x1024`` or ``thumbnails128x128`` if there is one,
            else the whole folder.
        features: Folder of one JSON file for each image, or one JSON file by image; None takes ``json`` or
            ``ffhq_features.json`` if there is one.
        metadata: File of licenses and authors; under its usual name it may be missing.
        license: License of images without metadata: that of the data set.
        size: Image side in pixels; None keeps the files.
        name: Short name, prefix of the keys.

    Raises:
        ConfigError: If a setting is out of range.
        DataError: If a folder or a named file is missing, or there is no image.
    """

    path: str
    images: str | None = None
    features: str | None = None
    metadata: str | None = METADATA
    license: str | None = "CC-BY-NC-SA-4.0"
    size: int | None = None
    name: str = "ffhq"

    PLACES: ClassVar[frozenset[str]] = frozenset(("path", "images", "features", "metadata"))

    def __post_init__(self) -> None:
        self._set_up()
        root = existing_folder(self.path)
        usual = next((root / place for place in IMAGES if (root / place).is_dir()), root)
        self._open({"images": existing_folder(root / self.images if self.images else usual, "source.images")})
        self._join(self._features(root), optional="features")
        self._join(self._licenses(root), optional="metadata")
        for picture in self._finder.unused:  # an image needs no features
            self._take(picture, PictureEntry(str(self._finder.path(picture))))
        self._finish()

    def _licenses(self, root: Path) -> Iterator[tuple[object, PictureEntry | SampleFault]]:
        """License and author of each photograph, from the release's metadata."""
        if self.metadata is None:
            return
        file = root / self.metadata
        if not file.is_file():
            if self.metadata != METADATA:
                raise DataError(f"{file} does not exist{_hint(root, self.metadata)} (source.metadata)")
            self._notes.append(f"no {METADATA}: every picture has the license of the data set (source.metadata)")
            return
        for number, row in _objects(file):
            entry = PictureEntry(f"{file.name}, {number!r}")
            stated = row.get("metadata") or {}
            entry.license = " ".join(str(stated[k]) for k in ("license", "license_url") if stated.get(k))
            entry.provenance = {k: stated[k] for k in ("author", "photo_url") if stated.get(k)}
            yield number, entry

    def _features(self, root: Path) -> Iterator[tuple[object, PictureEntry | SampleFault]]:
        places = [self.features] if self.features else list(FEATURES)
        found = next((root / place for place in places if (root / place).exists()), None)
        if found is None:
            if self.features:
                raise DataError(f"{root / self.features} does not exist{_hint(root, self.features)} (source.features)")
            self._notes.append(f"no features ({', '.join(FEATURES)}): no labels (source.features)")
            return
        files = sorted(found.rglob("*.json")) if found.is_dir() else []
        named = ((file.stem, _tree(file), str(file)) for file in files) if files else _features_of(found)
        for name, tree, place in named:
            if isinstance(tree, SampleFault):
                yield name, tree
                continue
            try:
                face = main_face(tree)
                yield name, PictureEntry(place, known(record_of_ffhq(face)))
            except (DataError, AttributeError, TypeError) as error:
                yield name, SampleFault("schema", f"{place}: {error}")


def main_face(tree: Any) -> Mapping[str, Any]:
    """The features of the largest face; empty if the service found none.

    Args:
        tree: What the service gave for one image: a list of faces, or one face.

    Raises:
        DataError: If it is neither.
    """
    faces = tree if isinstance(tree, list) else [tree]
    if any(not isinstance(face, Mapping) for face in faces):
        raise DataError(f"{str(tree)[:40]!r} is not a list of faces with 'faceAttributes'")
    box = [face.get("faceRectangle") or {} for face in faces]
    if not faces:
        return {}
    largest = max(range(len(faces)), key=lambda n: float(box[n].get("width", 0)) * float(box[n].get("height", 0)))
    found = faces[largest].get("faceAttributes", faces[largest])
    if not isinstance(found, Mapping):
        raise DataError(f"'faceAttributes' is {str(found)[:40]!r}, not an object")
    return found


def _tree(file: Path) -> Any:
    try:
        return read_json(file)
    except DataError as error:
        return SampleFault("json", str(error))


def _features_of(file: Path) -> Iterator[tuple[object, Any, str]]:
    if not file.is_file():
        raise DataError(f"{file} holds no JSON file (source.features)")
    for name, tree in _objects(file, lists=True):
        yield name, tree, f"{file.name}, {name!r}"


def _objects(file: Path, lists: bool = False) -> Iterator[tuple[str, Any]]:
    """The entries by name of a JSON file."""
    tree = read_json(file)
    if not isinstance(tree, dict):
        raise DataError(f"{file} must be an object with an entry for each image")
    for name, value in tree.items():
        if not isinstance(value, dict) and not (lists and isinstance(value, list)):
            raise DataError(f"{file}, {name!r}: {str(value)[:40]!r} is not an object")
        yield name, value


def _hint(root: Path, name: str) -> str:
    return nearest(Path(name).name, sorted(p.name for p in (root / name).parent.glob("*")))
