"""FFHQ: 70,000 aligned Flickr photographs (Karras et al., CVPR 2019), with estimated features and licenses."""

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
    """FFHQ images, with attributes from the FFHQ features if these are found.

    The features are estimates of a face service (see `record_of_ffhq`), in one JSON file per image or one for all. The
    release's ``ffhq-dataset-v2.json`` gives the license and author of each photograph. FFHQ has no identities, so each
    image counts as a separate person.

    Args:
        path: Folder of the data set.
        images: Folder of the images below `path`; None for ``images1024x1024`` or ``thumbnails128x128``, or the whole
            folder if neither exists.
        features: Folder with one JSON file per image, or one JSON file with an entry per image; None for the first of
            `FEATURES` that exists.
        metadata: JSON file of licenses and authors; the default file may be missing.
        license: License of images without metadata; the default is the license of the data set.
        size: Image side in pixels; None keeps square files unchanged and crops others to a square.
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
                raise DataError(f"source.metadata: {file} does not exist{_hint(root, self.metadata)}")
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
                raise DataError(f"source.features: {root / self.features} does not exist{_hint(root, self.features)}")
            self._notes.append(f"labels: none, because no features are found ({', '.join(FEATURES)}; source.features)")
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
    """Features of the largest face; empty if the service found no face.

    Args:
        tree: The service's result for one image: a list of faces, or one face.

    Raises:
        DataError: If `tree` has another form.
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
        raise DataError(f"source.features: the folder {file} holds no JSON file")
    for name, tree in _objects(file, lists=True):
        yield name, tree, f"{file.name}, {name!r}"


def _objects(file: Path, lists: bool = False) -> Iterator[tuple[str, Any]]:
    """Yields the name and value of each entry of a JSON file."""
    tree = read_json(file)
    if not isinstance(tree, dict):
        raise DataError(f"{file} must be a JSON object with one entry per image")
    for name, value in tree.items():
        if not isinstance(value, dict) and not (lists and isinstance(value, list)):
            raise DataError(f"{file}, {name!r}: {str(value)[:40]!r} is not an object")
        yield name, value


def _hint(root: Path, name: str) -> str:
    return nearest(Path(name).name, sorted(p.name for p in (root / name).parent.glob("*")))
