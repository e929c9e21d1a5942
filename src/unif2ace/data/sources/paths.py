"""Folders of images: finding folders and files, and making keys of file names."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

from unif2ace.data.sources.pictures import EXTENSIONS
from unif2ace.errors import ConfigError, DataError, nearest

MAX_KEY: Final = 80
_HASH_LENGTH: Final = 12
_NAME: Final = re.compile(r"[a-z0-9_-]{1,30}", re.ASCII)


def existing_folder(path: str | Path) -> Path:
    """The folder at a path.

    Raises:
        DataError: If there is none; the message names the last existing folder and its contents.
    """
    folder = Path(path).expanduser()
    if folder.is_dir():
        return folder
    if folder.exists():
        raise DataError(f"{folder} is a file; set source.path to the folder that holds it")
    place = next(p for p in folder.absolute().parents if p.is_dir())
    wanted = folder.absolute().relative_to(place).parts[0]
    there = sorted(p.name for p in place.iterdir() if p.is_dir())
    hint = nearest(wanted, there) or (f"; its folders are {', '.join(there[:8])}" if there else "")
    raise DataError(f"source.path={path} does not exist: {place} has no folder {wanted!r}{hint}")


def find_pictures(folder: Path) -> list[str]:
    """All images below a folder, as sorted relative paths with ``/``; hidden files and folders are skipped.

    Raises:
        DataError: If there is none.
    """
    found: list[str] = []
    for place, folders, files in os.walk(folder):
        folders[:] = [f for f in folders if not f.startswith(".")]
        names = [f for f in files if Path(f).suffix.lower() in EXTENSIONS and not f.startswith(".")]
        found += [Path(place, f).relative_to(folder).as_posix() for f in names]
    if not found:
        there = sorted(os.listdir(folder))
        holds = f"it holds {', '.join(there[:8])}" if there else "it is empty"
        raise DataError(f"no pictures ({', '.join(EXTENSIONS)}) below {folder}: {holds}")
    return sorted(found)


def check_name(name: str) -> None:
    """Checks the short name of a source, which is the prefix of its keys.

    Raises:
        ConfigError: If it has characters other than ``a-z0-9_-`` or more than 30.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(f"source.name={name!r}: use 1 to 30 of the characters a-z, 0-9, _ and -")


def unique_keys(names: Sequence[str], places: Sequence[str] | None = None, prefix: str = "") -> list[str]:
    """One key with the characters ``a-z0-9_-`` for each name.

    A name that is too long, or equals another after replacing characters, gets a hash of its place. Keys therefore do
    not depend on the other images.

    Args:
        names: Names to make keys from.
        places: Strings that distinguish equal names; the names themselves if None.
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
