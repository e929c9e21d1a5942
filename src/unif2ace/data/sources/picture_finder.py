"""Finds the picture file that a table names, even if folder, suffix or case differ."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

from unif2ace.data.shards import SampleFault
from unif2ace.data.shards.images import SUFFIXES
from unif2ace.data.sources.cells import is_missing, same_form
from unif2ace.errors import nearest

_LAST_PART: Final = 3
_MOST_HINTS, _MOST_NAMES = 5, 20_000  # comparing a name with all others takes long
_DRIVE: Final = re.compile(r"^[A-Za-z]:(?=/)")


class PictureFile(NamedTuple):
    """One picture below the searched folders.

    Attributes:
        folder: Name of the searched folder, a key of `PictureFinder.folders`.
        file: Path below this folder, separated by ``/``.
    """

    folder: str
    file: str


class PictureFinder:
    """Finds pictures by the names that tables give them.

    A written name matches a file if one path is the end of the other: ``/home/me/data/a/1.jpg`` and ``1.jpg`` both
    match the file ``a/1.jpg``. Backslashes, quotes, case, Unicode form, the suffix (``1.JPG``, ``1.png``, ``1``) and
    leading zeros of a number may differ. An absolute path may come from another machine: it also matches a file if only
    the last part agrees, and the report counts such matches. The closest match is used; two equally close matches are a
    fault.

    Args:
        folders: Folders by name.
        files: The pictures below each folder, as sorted relative paths separated by ``/``.
    """

    def __init__(self, folders: Mapping[str, Path], files: Mapping[str, Iterable[str]]) -> None:
        self.folders = dict(folders)
        self.pictures = tuple(PictureFile(folder, file) for folder, found in files.items() for file in found)
        self._by_stem: dict[str, list[PictureFile]] = defaultdict(list)
        for picture in self.pictures:
            self._by_stem[loose_stem(same_form(picture.file))].append(picture)
        self._claims: dict[PictureFile, str] = {}
        self._hints = 0
        self._loose: list[tuple[str, str]] = []

    def path(self, picture: PictureFile) -> Path:
        """Path of a picture on disk."""
        return self.folders[picture.folder] / picture.file

    def find(self, written: object, place: str, *, folder: str | None = None, beside: str = "") -> PictureFile:
        """The picture that a cell names.

        Args:
            written: Contents of the cell: a name, a path, or a number.
            place: File and line of the cell, for messages.
            folder: The only folder to search; None for all.
            beside: Folder of the table, relative to the searched folder. A path relative to `beside` is the closest
                match.

        Raises:
            SampleFault: If no picture matches (cause ``missing``), several match equally well, or another written name
                already matched the same file (``schema``).
        """
        name = plain_name(written)
        there = [p for p in self._by_stem.get(loose_stem(name), ()) if folder in (None, p.folder)]
        graded = [(grade, p) for p in there if (grade := _agreement(name, same_form(p.file), beside))]
        if not graded:
            raise SampleFault("missing", f"{place}: {self._missing(name, folder)}")
        best = max(grade for grade, _ in graded)
        found = [p for grade, p in graded if grade == best]
        if len(found) > 1:
            shown = " and ".join(str(self.path(p)) for p in found[:2])
            raise SampleFault("schema", f"{place}: {name!r} matches {shown}; write the full path, or remove one file")
        self._claim(found[0], name, place)
        if best <= _LAST_PART:
            self._loose.append((name, found[0].file))
        return found[0]

    def _claim(self, picture: PictureFile, name: str, place: str) -> None:
        """Rejects a file that two names match, such as ``a/1.jpg`` and ``b/1.jpg`` if only ``1.jpg`` exists."""
        before = self._claims.setdefault(picture, name)
        if _agreement(name, before, "") <= _LAST_PART:
            what = f"{before!r} and {name!r} both match {self.path(picture)}"
            raise SampleFault("schema", f"{place}: {what}; add the missing picture, or correct one of the names")

    def _missing(self, name: str, folder: str | None) -> str:
        searched = {n: path for n, path in self.folders.items() if folder in (None, n)}
        self._hints += 1
        few = self._hints <= _MOST_HINTS and len(self.pictures) <= _MOST_NAMES
        hint = nearest(name, [p.file for p in self.pictures if p.folder in searched]) if few else ""
        return f"no picture {name!r} below {' or '.join(map(str, searched.values()))}{hint}"

    @property
    def notes(self) -> list[str]:
        """Report line with the number of names that matched by their last part only."""
        if not self._loose:
            return []
        shown = " as ".join(self._loose[0])
        return [f"matched by the last part of an absolute path only: {len(self._loose):,} names, such as {shown}"]

    def use(self, picture: PictureFile) -> None:
        """Marks a picture as used."""
        self._claims.setdefault(picture, picture.file)

    @property
    def unused(self) -> list[PictureFile]:
        """Pictures that no row has matched so far."""
        return [picture for picture in self.pictures if picture not in self._claims]


def plain_name(written: object) -> str:
    """Normalises a written file name: ``/`` as separator, Unicode NFC, no quotes; empty for a missing value."""
    if is_missing(written):
        return ""
    text = same_form(str(written).strip().strip("\"'").strip().replace("\\", "/"))
    text = _DRIVE.sub("/", text).replace("//", "/")
    return PurePosixPath(text).as_posix() if text else ""


def _without_suffix(name: str) -> str:
    stem, dot, suffix = name.rpartition(".")
    return stem if dot and f".{suffix}".lower() in SUFFIXES else name


def loose_stem(name: str) -> str:
    """Key that all names of one picture share: the last part without suffix, case and leading zeros."""
    stem = _without_suffix(name).rpartition("/")[2].casefold()
    return str(int(stem)) if stem.isdecimal() else stem


def _agreement(name: str, file: str, beside: str) -> int:
    """Score of the match of a written name and a file; 0 for no match, higher for a longer common end."""
    if not name:
        return 0
    if beside and f"{beside}/{name}" == file:
        return 1_000_000
    if name == file:
        return 900_000
    grade = 0
    for steps, (a, b) in enumerate(_looser(name, file)):
        if a == b:
            grade = max(grade, 100_000 * (8 - steps))
        elif f"/{a}".endswith(f"/{b}") or f"/{b}".endswith(f"/{a}"):
            grade = max(grade, 100_000 * (4 - steps) + min(a.count("/"), b.count("/")))
        elif name.startswith("/") and a.rpartition("/")[2] == b.rpartition("/")[2]:
            grade = max(grade, _LAST_PART - steps)
    return grade


def _looser(name: str, file: str) -> list[tuple[str, str]]:
    """Both names in three increasingly loose forms: without case, without suffix, without leading zeros."""
    case = name.lstrip("/").casefold(), file.casefold()
    suffix = _without_suffix(case[0]), _without_suffix(case[1])
    zeros = tuple(f"{s.rpartition('/')[0]}/{loose_stem(s)}".lstrip("/") for s in suffix)
    return [case, suffix, (zeros[0], zeros[1])]
