"""The index of a shard folder: ``index.json`` (shards, hashes, statistics) and ``index.npy`` (file locations).

The file locations are stored as an array: for a million samples, JSON would take seconds to parse and hundreds of
megabytes. The array is memory-mapped, shared by all worker processes, and read without pickle. Shapes: S samples.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from unif2ace.data.shards.sample_locations import places_dtype
from unif2ace.errors import DataError, nearest

FORMAT: Final = 1
HEADER: Final = "index.json"
PLACES: Final = "index.npy"
BUILD: Final = "build.json"  # exists until a build is finished
_ADDRESS: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
MEND: Final = "make it again with: unif2ace-data index"


@dataclass(frozen=True, slots=True)
class ShardInfo:
    """Name, size in bytes, hash and number of samples of a shard when the index was built."""

    name: str
    size: int
    sha256: str
    samples: int


@dataclass(frozen=True, slots=True)
class Index:
    """Contents of a shard folder.

    Attributes:
        folder: The shard folder.
        shards: Shards of the folder, sorted by name.
        extensions: File extensions; extension n has the columns ``offset{n}`` and ``length{n}`` of `places`.
        places: Structured array (S,), one row per sample: ``key``, ``shard`` (index into `shards`), then ``offset{n}``
            and ``length{n}`` in bytes for each extension. Both are 0 if the sample has no such file.
        required: Extensions that every sample has; ``image`` stands for any image extension.
        left_out: Number of faulty samples left out of the index, by cause.
        conforming: Number of samples whose metadata conforms to the schema.
        labels: For each of the 46 labels, the number of samples where it is true and where it is false. In all other
            samples the label is unknown.
        recipe: Settings that the folder was built with; empty if another program wrote the shards.
    """

    folder: Path
    shards: tuple[ShardInfo, ...]
    extensions: tuple[str, ...]
    places: NDArray[np.void]
    required: tuple[str, ...]
    left_out: Mapping[str, int] = field(default_factory=dict)
    conforming: int = 0
    labels: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    recipe: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.places)

    def key(self, index: int) -> str:
        """Key of a sample."""
        return bytes(self.places["key"][index]).decode("ascii")

    def keys(self) -> list[str]:
        """All keys, in order."""
        return [key.decode("ascii") for key in self.places["key"].tolist()]

    def header(self) -> dict[str, Any]:
        """Contents of ``index.json``."""
        return {
            "format": FORMAT,
            "samples": len(self),
            "required": list(self.required),
            "extensions": list(self.extensions),
            "places_sha256": hashlib.sha256(np.ascontiguousarray(self.places).tobytes()).hexdigest(),
            "schema": {"version": 1, "conforming": self.conforming},
            "left_out": dict(self.left_out),
            "labels": {name: list(counts) for name, counts in self.labels.items()},
            "recipe": dict(self.recipe),
            "shards": [asdict(shard) for shard in self.shards],
        }


def has_index(folder: str | Path) -> bool:
    """Whether a folder has an index and no unfinished build."""
    return (Path(folder) / HEADER).is_file() and not (Path(folder) / BUILD).exists()


def local_folder(folder: str | Path) -> Path:
    """Checks that a folder is a local path and returns it as a `Path`.

    Raises:
        DataError: If it is a URL or a command (``pipe:``), which other WebDataset readers would open or run.
    """
    if _ADDRESS.match(str(folder)):
        raise DataError(f"{str(folder)!r}: URLs and pipe: are not supported; give a local folder of shards")
    return Path(folder)


def why_unreadable(folder: Path) -> str:
    """Error message for a folder without an index: the reason, and the command or folder to use."""
    if folder.is_file():
        return f"{folder} is a file: give a folder of WebDataset tars"
    if not folder.is_dir():
        beside = [p.name for p in folder.parent.iterdir() if p.is_dir()] if folder.parent.is_dir() else []
        return f"the folder {folder} does not exist; make one with `unif2ace-data build`{nearest(folder.name, beside)}"
    if any(folder.glob("*.tar")):
        return f"{folder} has no index; make one with: unif2ace-data index {folder}"
    splits = sorted(p for p in folder.iterdir() if p.is_dir() and any(p.glob("*.tar")))
    if splits:
        indexed = all(has_index(split) for split in splits)
        mend = f"give one, such as {splits[0]}" if indexed else f"index each, such as: unif2ace-data index {splits[0]}"
        return f"{folder} holds no shards, but its subfolders {', '.join(p.name for p in splits)} do: {mend}"
    return f"{folder} holds no shards (*.tar); make them with `unif2ace-data build`"


def load_index(folder: str | Path) -> Index:
    """Reads and checks the index of a folder, without opening the shards.

    Args:
        folder: The shard folder.

    Raises:
        DataError: If the index is missing, damaged, or of an unknown format version.
    """
    folder = local_folder(folder)
    path = folder / HEADER
    if not path.is_file():
        raise DataError(why_unreadable(folder))
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
        if tree["format"] != FORMAT:
            raise DataError(f"{path} has format {tree['format']!r}, but this version reads {FORMAT}; {MEND} {folder}")
        index = _parse(folder, tree)
    except DataError:
        raise
    except (OSError, ValueError, KeyError, TypeError) as error:
        why = f"{type(error).__name__}: {error}"
        raise DataError(f"{path} or {PLACES} is damaged ({why}); {MEND} {folder}") from error
    _check(index, tree["places_sha256"])
    return index


def _parse(folder: Path, tree: Mapping[str, Any]) -> Index:
    return Index(
        folder,
        tuple(ShardInfo(**shard) for shard in tree["shards"]),
        tuple(tree["extensions"]),
        np.load(folder / PLACES, mmap_mode="r", allow_pickle=False).view(np.ndarray),
        tuple(tree["required"]),
        tree["left_out"],
        tree["schema"]["conforming"],
        {name: (counts[0], counts[1]) for name, counts in tree["labels"].items()},
        tree["recipe"],
    )


def _check(index: Index, sha256: str) -> None:
    """Checks the type and hash of the locations, and that all of them are inside their shards."""
    where = index.folder / PLACES
    places = index.places
    wanted = places_dtype(len(index.extensions), places.dtype["key"].itemsize if places.dtype.names else 1)
    if places.dtype != wanted or places.ndim != 1:
        raise DataError(f"{where} has the type {places.dtype}, not {wanted}; {MEND} {index.folder}")
    if hashlib.sha256(places.data).hexdigest() != sha256:
        raise DataError(f"{where} and {HEADER} beside it do not belong together; {MEND} {index.folder}")
    for shard in index.shards:
        if Path(shard.name).name != shard.name or not shard.name.endswith(".tar"):
            raise DataError(f"{index.folder / HEADER}: {shard.name!r} is not a shard name; {MEND} {index.folder}")
    sizes = np.array([shard.size for shard in index.shards], dtype=np.uint64)
    inside = bool((places["shard"] < len(sizes)).all())
    for n in range(len(index.extensions)):
        if inside:  # an offset beyond the end would wrap around in the subtraction
            room = sizes[places["shard"]]
            offsets, lengths = places[f"offset{n}"], places[f"length{n}"]
            inside = bool((offsets <= room).all() and (lengths <= room - offsets).all())
    if not inside or sum(s.samples for s in index.shards) != len(index):
        raise DataError(f"{where} has locations outside its shards; {MEND} {index.folder}")
