"""Base class of most importers: joins pictures with the table rows that describe them."""

from __future__ import annotations

import dataclasses
import json
from abc import ABC
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from unif2ace.attributes import AttributeRecord
from unif2ace.attributes.record import Value
from unif2ace.data.shards import SampleFault
from unif2ace.data.sources.base import EncodedImage, SourceItem, SourceReport
from unif2ace.data.sources.cells import is_missing
from unif2ace.data.sources.paths import check_name, list_folder, unique_keys
from unif2ace.data.sources.picture_finder import PictureFile, PictureFinder
from unif2ace.data.sources.pictures import check_size, square_picture
from unif2ace.errors import DataError
from unif2ace.language.question import Question


@dataclass(slots=True)
class PictureEntry:
    """The rows about one picture, merged; read before the picture file is opened.

    Attributes:
        place: File and line of the first row, for messages.
        values: Known attribute values; null values are left out.
        captions: Captions, word for word.
        questions: Questions, word for word.
        identity: Identifier of the person; None if unknown.
        license: Terms of use; empty if the row states none.
        provenance: Origin, as plain JSON values.
        rows: Number of rows about the picture.
    """

    place: str
    values: dict[str, Value] = field(default_factory=dict)
    captions: tuple[str, ...] = ()
    questions: tuple[Question, ...] = ()
    identity: str | None = None
    license: str = ""
    provenance: dict[str, Any] = field(default_factory=dict)
    rows: int = 1

    def add(self, other: PictureEntry) -> None:
        """Adds another row of the same picture.

        Raises:
            SampleFault: If the two rows contradict each other.
        """
        for what, mine, theirs in (
            *((name, self.values.get(name), value) for name, value in other.values.items()),
            ("identity", self.identity, other.identity),
            ("license", self.license or None, other.license or None),
        ):
            if mine is not None and theirs is not None and mine != theirs:
                message = f"{other.place}: {what} is {theirs!r}, but {self.place} says {mine!r}; correct one row"
                raise SampleFault("schema", message)
        self.values |= other.values
        self.captions += tuple(c for c in other.captions if c not in self.captions)
        self.questions += tuple(q for q in other.questions if q not in self.questions)
        self.identity = self.identity or other.identity
        self.license = self.license or other.license
        self.provenance = {**other.provenance, **self.provenance}
        self.rows += 1


def known(record: AttributeRecord) -> dict[str, Value]:
    """The values of a record that are not null."""
    return {name: value for name, value in record.to_json().items() if value is not None}


class JoinedSource(ABC):
    """Base of sources whose pictures are described by table rows.

    A subclass calls `_set_up` and `_open`, adds rows with `_join` or `_take`, and calls `_finish`. Rows of one picture
    are merged. A row with a fault, such as a missing picture, is left out and reported.

    Attributes:
        name: Short name, prefix of the keys.
        size: Image side in pixels; None keeps square files unchanged and crops others to a square.
        license: Terms of use of pictures whose row states none; None leaves such pictures out.
    """

    name: str
    size: int | None
    license: str | None
    PLACES: ClassVar[frozenset[str]] = frozenset(("path", "images"))
    """Settings that are paths. `describe` leaves them out, so that data may be moved."""

    def _set_up(self) -> None:
        check_name(self.name)
        check_size(self.size)
        self._entries: dict[Any, PictureEntry] = {}
        self._faults: list[SampleFault] = []
        self._notes: list[str] = []
        self._finder = PictureFinder({}, {})

    def _open(self, folders: Mapping[str, Path]) -> None:
        """Lists the pictures below the given folders."""
        self._finder = PictureFinder(folders, {name: list_folder(path).pictures for name, path in folders.items()})

    def _join(
        self,
        rows: Iterable[tuple[object, PictureEntry | SampleFault]],
        *,
        folder: str | None = None,
        optional: str = "",
    ) -> None:
        """Finds the picture of each row by its written name, and adds the row.

        Args:
            rows: Written picture name and contents of each row; a `SampleFault` instead of contents that cannot be
                parsed.
            folder: The only folder to search; None for all.
            optional: Name of the rows for the report, such as ``labels``, if rows about missing pictures are no fault
                but only counted.
        """
        absent = 0
        for written, entry in rows:
            place = entry.place if isinstance(entry, PictureEntry) else ""
            try:
                picture = self._finder.find(written, place, folder=folder)
                if isinstance(entry, SampleFault):
                    raise entry
                self._take(picture, entry)
            except SampleFault as fault:
                if optional and fault.cause == "missing":
                    absent += 1
                else:
                    self._faults.append(entry if isinstance(entry, SampleFault) else fault)
        if absent:
            self._notes.append(f"{optional}: {absent:,} rows name pictures that are not in the folder")

    def _take(self, picture: Any, entry: PictureEntry) -> None:
        """Adds a row to a picture."""
        if isinstance(picture, PictureFile):
            self._finder.use(picture)
        if picture in self._entries:
            self._entries[picture].add(entry)
        else:
            self._entries[picture] = entry

    def _finish(self) -> None:
        """Sorts the pictures and makes their keys; the last step of the constructor.

        Raises:
            DataError: If no picture is left.
        """
        for picture, entry in list(self._entries.items()):
            if is_missing(entry.license) and is_missing(self.license):
                message = f"{entry.place}: the row states no license; set source.license if you know it"
                self._faults.append(SampleFault("missing", message))
                del self._entries[picture]
        if not self._entries:
            first = f"; fix them, the first: {self._faults[0].message}" if self._faults else ""
            raise DataError(f"no picture is left: {len(self._faults):,} rows have a fault{first}")
        self._pictures = sorted(self._entries)
        names = [self._shown(p) for p in self._pictures]
        stems = [n.rpartition(".")[0] or n for n in names]
        self._keys = unique_keys(stems, [str(picture) for picture in self._pictures], f"{self.name}-")

    def _shown(self, picture: Any) -> str:
        """Name of a picture, unique within the source."""
        if not isinstance(picture, PictureFile):
            return str(picture)
        return picture.file if len(self._finder.folders) == 1 else f"{picture.folder}/{picture.file}"

    def _data(self, picture: Any) -> bytes:
        """The bytes of a picture's file."""
        return self._finder.path(picture).read_bytes()

    def _where(self, picture: Any) -> str:
        """Path of a picture, for messages."""
        return str(self._finder.path(picture))

    def _square(self, data: bytes) -> NDArray[np.uint8] | EncodedImage:
        """Crops or keeps a picture file, see `square_picture`."""
        return square_picture(data, self.size)

    def __len__(self) -> int:
        return len(self._pictures)

    def key(self, index: int) -> str:
        """The source's name and the picture's path; characters other than ``a-z0-9_-`` are replaced."""
        return self._keys[index]

    def identity(self, index: int) -> str:
        """Identifier of the person as the source states it; the sample's key if unknown."""
        return self._entries[self._pictures[index]].identity or self._keys[index]

    def record(self, index: int) -> AttributeRecord:
        """Attributes stated by the rows of the picture."""
        return AttributeRecord(self._entries[self._pictures[index]].values)

    def items(self, indices: Sequence[int]) -> list[SourceItem]:
        """The pictures and their data at these indices."""
        return [self._item(i) for i in indices]

    def _item(self, index: int) -> SourceItem:
        picture = self._pictures[index]
        entry, where = self._entries[picture], self._where(picture)
        try:
            image = self._square(self._data(picture))
        except OSError as error:
            raise SampleFault("read", f"{where} cannot be read: {error.strerror or error}") from error
        except SampleFault as fault:
            raise SampleFault(fault.cause, f"{where}: {fault.message}") from fault
        file = self._shown(picture).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        return SourceItem(
            image,
            self.record(index),
            entry.license or str(self.license),
            entry.captions,
            {"file": file, **entry.provenance},
            entry.questions,
        )

    def report(self) -> SourceReport:
        """Numbers of pictures, rows, labels, persons, captions and questions."""
        entries, number = list(self._entries.values()), len(self._entries)
        lines = [f"{number:,} pictures have a row{self._folders_line()}"]
        lines += [*self._notes, *self._finder.notes]
        if several := sum(entry.rows > 1 for entry in entries):
            lines.append(f"rows merged: {several:,} pictures have more than one row")
        if unused := self._finder.unused:
            lines.append(f"not used: {len(unused):,} pictures, the first {self._finder.path(unused[0])}")
        if self._faults:
            causes = Counter(fault.cause for fault in self._faults).most_common()
            counts = ", ".join(f"{cause} {count:,}" for cause, count in causes)
            lines.append(f"rows left out: {len(self._faults):,} ({counts}), the first: {self._faults[0].message}")
        lines.append(f"labels: {sum(bool(e.values) for e in entries):,} of {number:,} pictures have one")
        people = {e.identity for e in entries if e.identity}
        apart = sum(not e.identity for e in entries)
        lines.append(f"persons: {len(people):,} named; {apart:,} pictures count as a separate person each")
        own = {what: sum(bool(getattr(e, what)) for e in entries) for what in ("captions", "questions")}
        lines += [
            f"{what}: {has:,} of {number:,} pictures have their own{_rest(what, number - has)}"
            for what, has in own.items()
        ]
        return SourceReport(tuple(lines), tuple(self._faults))

    def _folders_line(self) -> str:
        folders = self._finder.folders
        return f", of {len(self._finder.pictures):,} below {', '.join(map(str, folders.values()))}" if folders else ""

    def describe(self) -> dict[str, Any]:
        """The settings, with fingerprints of the pictures and rows instead of paths."""
        pictures, said = sha256(), sha256()
        for picture in self._pictures:
            name = f"{self._shown(picture)}\0{self._length(picture)}\0"
            pictures.update(name.encode("utf-8", "surrogateescape"))
            e = self._entries[picture]
            rows = (sorted(e.values.items()), e.captions, e.questions, e.identity, e.license, e.provenance)
            said.update(repr(rows).encode("utf-8", "surrogateescape"))
        settings = dataclasses.fields(self)  # type: ignore[arg-type]
        chosen = {f.name: getattr(self, f.name) for f in settings if f.init and f.name not in self.PLACES}
        plain: dict[str, Any] = json.loads(json.dumps(chosen))
        return {**plain, "inputs": {"pictures": pictures.hexdigest(), "rows": said.hexdigest()}}

    def _length(self, picture: Any) -> int:
        """Size of a picture's file in bytes; -1 for a broken link."""
        path = self._finder.path(picture)
        return path.stat().st_size if path.exists() else -1


def _rest(what: str, number: int) -> str:
    key = {"captions": "captions", "questions": "num_questions"}[what]
    return f"; for the other {number:,} they are written from labels ({key}=...)" if number else ""
