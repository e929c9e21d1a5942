"""Finds the picture that a table means: tables write other folders, suffixes and cases than files have."""

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
    """One picture of the folders that were searched.

    Attributes:
        folder: Name of its folder, a key of the finder's `folders`.
        file: Its path below that folder, with ``/``.
    """

    folder: str
    file: str


class PictureFinder:
    """The pictures of some folders by the names that tables give them.

    A written name means a file if one path is the end of the other: ``/home/me/data/a/1.jpg`` and ``1.jpg`` both mean
    the file ``a/1.jpg``. Backslashes, quotes, case, Unicode form, the suffix (``1.JPG``, ``1.png``, ``1``) and leading
    zeros of a number may differ. Of an absolute path, which may be another machine's, the last part alone may agree;
    the finder counts these. The closest agreement decides; two files that agree equally well are a fault.

    Args:
        folders: Folders by name.
        files: The pictures below each folder, as sorted relative paths with ``/``.
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
        """Where a picture is."""
        return self.folders[picture.folder] / picture.file

    def find(self, written: object, place: str, *, folder: str | None = None, beside: str = "") -> PictureFile:
        """The picture that a cell names.

        Args:
            written: The cell: a name, a path, or a number.
            place: File and line of the cell, for messages.
            folder: The only folder to search; None for all.
            beside: Folder of the table, below the searched one: names relative to it come first.

        Raises:
            SampleFault: If there is no such picture (cause ``missing``), several agree equally well, or another name
                of a table means the same file (``schema``).
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
            raise SampleFault("schema", f"{place}: {name!r} may be {shown}: write the path, or remove one of them")
        self._claim(found[0], name, place)
        if best <= _LAST_PART:
            self._loose.append((name, found[0].file))
        return found[0]

    def _claim(self, picture: PictureFile, name: str, place: str) -> None:
        """Refuses a file that two names mean, such as ``a/1.jpg`` and ``b/1.jpg`` where only ``1.jpg`` exists."""
        before = self._claims.setdefault(picture, name)
        if _agreement(name, before, "") <= _LAST_PART:
            what = f"{before!r} and {name!r} both mean {self.path(picture)}"
            raise SampleFault("schema", f"{place}: {what}: one of these pictures is missing, or rename the rows")

    def _missing(self, name: str, folder: str | None) -> str:
        searched = {n: path for n, path in self.folders.items() if folder in (None, n)}
        self._hints += 1
        few = self._hints <= _MOST_HINTS and len(self.pictures) <= _MOST_NAMES
        hint = nearest(name, [p.file for p in self.pictures if p.folder in searched]) if few else ""
        return f"no picture {name!r} below {' or '.join(map(str, searched.values()))}{hint}"

    @property
    def notes(self) -> list[str]:
        """What a report says about names that were found by their last part alone."""
        if not self._loose:
            return []
        shown = " as ".join(self._loose[0])
        return [f"found by the last part of an absolute path alone: {len(self._loose):,} names, such as {shown}"]

    def use(self, picture: PictureFile) -> None:
        """Notes that a picture is used, whatever names it has."""
        self._claims.setdefault(picture, picture.file)

    @property
    def unused(self) -> list[PictureFile]:
        """Pictures that no row is about so far."""
        return [picture for picture in self.pictures if picture not in self._claims]


def plain_name(written: object) -> str:
    """A written file name with ``/``, in Unicode's composed form, without quotes around it; empty for a missing one."""
    if is_missing(written):
        return ""
    text = same_form(str(written).strip().strip("\"'").strip().replace("\\", "/"))
    text = _DRIVE.sub("/", text).replace("//", "/")
    return PurePosixPath(text).as_posix() if text else ""


def _without_suffix(name: str) -> str:
    stem, dot, suffix = name.rpartition(".")
    return stem if dot and f".{suffix}".lower() in SUFFIXES else name


def loose_stem(name: str) -> str:
    """What two names of one picture have in common: the last part without suffix, case and leading zeros."""
    stem = _without_suffix(name).rpartition("/")[2].casefold()
    return str(int(stem)) if stem.isdecimal() else stem


def _agreement(name: str, file: str, beside: str) -> int:
    """How well a written name agrees with a file, from 0 (not at all); longer common ends are better."""
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
    """Both names, ever less exactly: without case, without suffix, without leading zeros."""
    case = name.lstrip("/").casefold(), file.casefold()
    suffix = _without_suffix(case[0]), _without_suffix(case[1])
    zeros = tuple(f"{s.rpartition('/')[0]}/{loose_stem(s)}".lstrip("/") for s in suffix)
    return [case, suffix, (zeros[0], zeros[1])]
