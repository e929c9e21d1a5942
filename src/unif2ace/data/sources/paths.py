"""Finds folders and image files, and makes sample keys from file names."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from unif2ace.data.shards.images import SUFFIXES
from unif2ace.data.sources.tables import SUFFIXES as TABLES
from unif2ace.errors import ConfigError, DataError, nearest

MAX_KEY: Final = 80
_HASH_LENGTH: Final = 12
_NAME: Final = re.compile(r"[a-z0-9_-]{1,30}", re.ASCII)


def existing_folder(path: str | Path, key: str = "source.path") -> Path:
    """The folder at a path, with ``~`` expanded.

    Args:
        path: The path.
        key: Configuration key of the path, for messages.

    Raises:
        DataError: If the folder does not exist; the message names the last existing parent and its folders.
    """
    folder = Path(path).expanduser()
    if folder.is_dir():
        return folder
    if folder.exists():
        raise DataError(f"{key}={path} is a file; set {key} to the folder that contains the file")
    place = next(p for p in folder.absolute().parents if p.is_dir())
    wanted = folder.absolute().relative_to(place).parts[0]
    there = sorted(p.name for p in place.iterdir() if p.is_dir())
    hint = nearest(wanted, there) or (f"; its folders are {', '.join(there[:8])}" if there else "")
    raise DataError(f"{key}={path} does not exist: {place} has no folder {wanted!r}{hint}")


@dataclass(frozen=True, slots=True)
class FolderContents:
    """Files below a folder.

    Attributes:
        pictures: Images, as sorted relative paths separated by ``/``.
        tables: Files with a table suffix, as sorted relative paths.
        others: Number of other files by suffix, and of ``hidden file``, ``hidden folder`` and ``linked folder``, which
            are not read.
    """

    pictures: tuple[str, ...]
    tables: tuple[str, ...]
    others: Mapping[str, int]


def list_folder(folder: Path) -> FolderContents:
    """Lists the images and other files below a folder, except in hidden and linked folders.

    Raises:
        DataError: If the folder holds no image, or a subfolder cannot be read.
    """
    pictures: list[str] = []
    tables: list[str] = []
    others = Counter[str]()
    for place, folders, files in os.walk(folder, onerror=_refuse):
        linked = [f for f in folders if not f.startswith(".") and Path(place, f).is_symlink()]
        others.update(["linked folder"] * len(linked) + ["hidden folder"] * sum(f.startswith(".") for f in folders))
        folders[:] = [f for f in folders if not f.startswith(".")]
        for name in files:
            path, suffix = Path(place, name).relative_to(folder).as_posix(), Path(name).suffix.lower()
            if name.startswith("."):
                others["hidden file"] += 1
            elif suffix in SUFFIXES:
                pictures.append(path)
            else:
                others[suffix or "file without a suffix"] += 1
                if suffix in TABLES:
                    tables.append(path)
    if not pictures:
        there = sorted(os.listdir(folder))
        holds = f"it holds {', '.join(there[:8])}" if there else "it is empty"
        raise DataError(f"{folder}: there are no pictures ({', '.join(SUFFIXES)}) in it; {holds}")
    return FolderContents(tuple(sorted(pictures)), tuple(sorted(tables)), dict(others.most_common()))


def counted(counts: Mapping[str, int]) -> str:
    """Counts as text, such as ``3 .txt, 1 .pdf``."""
    return ", ".join(f"{number:,} {name}" for name, number in counts.items())


def _refuse(error: OSError) -> None:
    raise DataError(f"{error.filename} cannot be read: {error.strerror or error}") from error


def check_name(name: str) -> None:
    """Checks the short name of a source, which is the prefix of its keys.

    Raises:
        ConfigError: If the name is not 1 to 30 characters of ``a-z0-9_-``.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(f"source.name={name!r}: use 1 to 30 of the characters a-z, 0-9, _ and -")


def unique_keys(names: Sequence[str], places: Sequence[str] | None = None, prefix: str = "") -> list[str]:
    """Makes a unique key of at most 80 characters ``a-z0-9_-`` from each name.

    A key that is too long, or not unique after characters are replaced, ends with a hash of its entry in `places`.

    Args:
        names: Names of the images, such as relative paths.
        places: Unique strings, such as full paths, to be hashed; None for `names`.
        prefix: Prefix of every key.
    """
    slugs = [prefix + re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-") for name in names]
    counts = Counter(slugs)
    room = MAX_KEY - _HASH_LENGTH - 1
    return [
        slug
        if counts[slug] == 1 and prefix != slug and len(slug) <= MAX_KEY
        else f"{slug[:room]}-{sha256(place.encode('utf-8', 'surrogateescape')).hexdigest()[:_HASH_LENGTH]}"
        for slug, place in zip(slugs, places or names, strict=True)
    ]
