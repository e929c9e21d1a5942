"""Imports a folder of user images, optionally with a table of attributes and texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from unif2ace.attributes import TAXONOMY, AttributeMapping, AttributeRecord
from unif2ace.attributes.record import Value
from unif2ace.data.shards import SampleFault
from unif2ace.data.sources.base import SourceItem, SourceReport
from unif2ace.data.sources.cells import from_json_text, is_missing, parse_captions, parse_label, parse_name
from unif2ace.data.sources.paths import check_name, counted, existing_folder, list_folder, unique_keys
from unif2ace.data.sources.picture_finder import PictureFinder
from unif2ace.data.sources.pictures import check_size, square_picture
from unif2ace.data.sources.questions import parse_exchanges
from unif2ace.data.sources.tables import Table, TableRow, read_table
from unif2ace.errors import ConfigError, DataError, nearest

_T = TypeVar("_T")
TABLE_NAMES = ("metadata.csv", "metadata.tsv", "metadata.jsonl")
_COLUMNS = (
    "image_column",
    "identity_column",
    "caption_column",
    "questions_column",
    "license_column",
    "provenance_column",
)
"""Settings that name a non-attribute column."""


@dataclass(kw_only=True, eq=False)
class FolderSource:
    """All readable images below a folder, sorted by path.

    `license` must state the terms that the owner of the images and the people in them agreed to. An image without a row
    in the table has an empty record; `unlabelled` is the number of such images. A square file of the requested size is
    stored byte for byte, including camera metadata such as the location.

    Args:
        path: The folder.
        license: Terms under which the images may be used, written into every sample.
        table: csv, tsv or jsonl file, relative to the folder. None uses ``metadata.csv``, ``metadata.tsv`` or
            ``metadata.jsonl`` in the folder if it exists. Columns are fields and labels of the taxonomy, or labels of
            `mapping`.
        mapping: Attribute mapping of the columns: a name such as ``celeba``, or the path of a yaml file; None if
            columns are names of the taxonomy.
        size: Image side in pixels; None keeps square files unchanged and crops others to a square.
        image_column: Column with the image's path, relative to the folder or to the table's folder.
        identity_column: Column with the name or number of the person; None treats each image as a separate person.
        caption_column: Column with a caption, or, in jsonl, a list of captions; None reads none.
        ignore: Further columns that are not attributes; they are not read.
        name: Short name, prefix of the keys.
        questions_column: Column with a list of questions and answers, in jsonl or as JSON text; None reads none.
        license_column: Column with the license of an image; None uses `license` for all images.
        provenance_column: Column with the origin of an image, as a JSON object; None reads none.
        identity_prefix: Prefix of identities; None for ``NAME-person-``. Another prefix changes the split.

    Raises:
        ConfigError: If a setting is out of range.
        DataError: If the folder or a column is missing, the folder holds no image, or a cell cannot be parsed.
    """

    path: str
    license: str
    table: str | None = None
    mapping: str | None = None
    size: int | None = None
    image_column: str = "file"
    identity_column: str | None = None
    caption_column: str | None = None
    ignore: Sequence[str] = ()
    name: str = "folder"
    questions_column: str | None = None
    license_column: str | None = None
    provenance_column: str | None = None
    identity_prefix: str | None = None
    unlabelled: int = field(init=False)

    def __post_init__(self) -> None:
        check_name(self.name)
        check_size(self.size)
        if is_missing(self.license):
            raise ConfigError("source.license is empty: state the terms under which the pictures may be used")
        self._folder = existing_folder(self.path)
        self._contents = list_folder(self._folder)
        self._files = self._contents.pictures
        self._keys = unique_keys([f.rpartition(".")[0] for f in self._files], self._files, f"{self.name}-")
        self._mapping = AttributeMapping(self.mapping) if self.mapping else None
        self._rows: dict[str, TableRow] = {}
        self._values: dict[str, Mapping[str, Value]] = {}
        self._people: dict[str, str] = {}
        self._faults: list[SampleFault] = []
        self._missing_names = Counter[str]()
        self._table_file = self._find_table()
        self._table = read_table(self._table_file) if self._table_file else None
        if self._table:
            self._join(self._table)
        elif wanted := next(filter(None, (*(getattr(self, c) for c in _COLUMNS[1:]), *self.ignore)), None):
            raise DataError(f"column {wanted!r} cannot be read without a table: {self._no_table()}")
        self.unlabelled = len(self._files) - len(self._rows)

    def _find_table(self) -> Path | None:
        if self.table is not None:
            return self._folder / Path(self.table).expanduser()
        found = [self._folder / n for n in TABLE_NAMES if (self._folder / n).is_file()]
        if len(found) > 1:
            raise DataError(
                f"{self._folder} has several tables: set source.table to one of {', '.join(f.name for f in found)}"
            )
        return found[0] if found else None

    def _no_table(self) -> str:
        others = self._contents.tables
        mend = f"; it has {', '.join(others[:8])}, not read: set source.table={others[0]}" if others else ""
        return f"{self._folder} has no {TABLE_NAMES[0]}{mend}"

    def _join(self, table: Table) -> None:
        """Finds the image of each row and parses the row's cells."""
        apart = {str(getattr(self, setting)): f"source.{setting}" for setting in _COLUMNS if getattr(self, setting)}
        apart |= dict.fromkeys(self.ignore, "source.ignore")
        for column, setting in apart.items():
            table.need(column, setting)
        attributes = [c for c in table.columns if c not in apart]
        for column in attributes:
            self._check_column(table.name, column)
        self._finder = finder = PictureFinder({"": self._folder}, {"": self._files})
        assert self._table_file is not None
        place = self._table_file.parent
        beside = place.relative_to(self._folder).as_posix() if place.is_relative_to(self._folder) else ""
        for row in table.rows:
            file = self._file_of(row, finder, beside.strip("."))
            if file is None:
                continue
            if file in self._rows:
                raise DataError(f"{row.place}: {file!r} already has a row, {self._rows[file].place}; remove one")
            self._rows[file] = row
            self._values[file] = {c: v for c in attributes if (v := self._parse(row, c)) is not None}
            if self.identity_column:
                self._read_person(file, row, self.identity_column)
            try:
                self._record_of(self._values[file])
            except DataError as error:
                raise DataError(f"{row.place}: {error}") from error
        if not self._rows:
            raise DataError(f"{table.name}: no row names an existing picture; the first: {self._faults[0].message}")

    def _file_of(self, row: TableRow, finder: PictureFinder, beside: str) -> str | None:
        """The image of a row. If no image or several match, records a fault and returns None."""
        try:
            return finder.find(row.cells.get(self.image_column), row.place, beside=beside).file
        except SampleFault as fault:
            self._faults.append(fault)
            return None

    def _read_person(self, file: str, row: TableRow, column: str) -> None:
        cell = row.cells.get(column)
        try:
            person = parse_name(cell)
        except DataError as error:
            raise DataError(f"{row.place}, column {column!r}: {error}") from error
        if person is None:
            self._missing_names[repr(cell) if cell not in (None, "") else "empty"] += 1
        else:
            self._people[file] = person

    def _check_column(self, table: str, column: str) -> None:
        known = list(self._mapping.meanings) if self._mapping else [*TAXONOMY.fields, *TAXONOMY.labels]
        if column in known or (self._mapping and self._mapping.find(column)):
            return
        what = f"a label of mapping {self.mapping!r}" if self.mapping else "an attribute of the taxonomy"
        mend = f"rename it, set source.ignore=[{column}], or map it with source.mapping=MY.yaml"
        raise DataError(f"{table}, column {column!r} is not {what}; {mend}{nearest(column, known)}")

    def _parse(self, row: TableRow, column: str) -> Value:
        if self._mapping:
            if self._mapping.ignores(column):
                return None
            choices = self._mapping.choices(column)
        else:
            choices = TAXONOMY.fields[column].choices if column in TAXONOMY.fields else ()
        try:
            return parse_label(row.cells.get(column), choices)
        except DataError as error:
            hint = "" if self._mapping else "; map other words with source.mapping=MY.yaml"
            raise DataError(f"{row.place}, column {column!r}: {error}{hint}") from error

    def _record_of(self, values: Mapping[str, Value]) -> AttributeRecord:
        return AttributeRecord(values) if self._mapping is None else self._mapping(values)

    def __len__(self) -> int:
        return len(self._files)

    def key(self, index: int) -> str:
        """The source's name and the image's path; characters other than ``a-z0-9_-`` are replaced."""
        return self._keys[index]

    def identity(self, index: int) -> str:
        """Prefix and value of the identity column; the sample's key if the value is missing."""
        person = self._people.get(self._files[index])
        prefix = f"{self.name}-person-" if self.identity_prefix is None else self.identity_prefix
        return self._keys[index] if person is None else f"{prefix}{person}"

    def record(self, index: int) -> AttributeRecord:
        """Attributes in the image's row; an empty record if the image has no row."""
        return self._record_of(self._values.get(self._files[index], {}))

    def items(self, indices: Sequence[int]) -> list[SourceItem]:
        """The images and their data at these indices."""
        return [self._item(i) for i in indices]

    def _item(self, index: int) -> SourceItem:
        file = self._files[index]
        try:
            data = (self._folder / file).read_bytes()
            image = square_picture(data, self.size)
        except OSError as error:
            raise SampleFault("read", f"{self._folder / file} cannot be read: {error.strerror or error}") from error
        except SampleFault as fault:
            raise SampleFault(fault.cause, f"{self._folder / file}: {fault.message}") from fault
        printable = file.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        license, origin = (
            self._cell(file, self.license_column),
            from_json_text(self._cell(file, self.provenance_column)),
        )
        return SourceItem(
            image,
            self.record(index),
            self.license if is_missing(license) else str(license),
            self._texts(file, self.caption_column, parse_captions),
            {"file": printable, **(origin if isinstance(origin, dict) else {})},
            tuple(one.typed() for one in self._texts(file, self.questions_column, parse_exchanges)),
        )

    def _cell(self, file: str, column: str | None) -> Any:
        return self._rows[file].cells.get(column) if column and file in self._rows else None

    def _texts(self, file: str, column: str | None, parse: Callable[[object], tuple[_T, ...]]) -> tuple[_T, ...]:
        """Parses the captions or questions in an image's row."""
        try:
            return parse(self._cell(file, column))
        except DataError as error:
            raise SampleFault("schema", f"{self._rows[file].place}, column {column!r}: {error}") from error

    def report(self) -> SourceReport:
        """Numbers of pictures, other files, rows, persons, captions and questions."""
        number, rows = len(self._files), len(self._rows)
        suffixes = Counter(Path(file).suffix.lower() for file in self._files)
        lines = [f"{number:,} pictures below {self._folder}: {counted(dict(suffixes.most_common()))}"]
        others = Counter(self._contents.others)
        if self._table_file and self._table_file.is_relative_to(self._folder):
            others -= Counter([self._table_file.suffix.lower()])
        if others:
            lines.append(f"not read: {counted(others)}")
        if self._table is None:
            lines.append(f"no labels, persons or captions: {self._no_table()}")
            return SourceReport(tuple(lines))
        separated = f", separated by {self._table.separator}" if self._table.separator else ""
        lines.append(f"{self._table.name}: {len(self._table.rows):,} rows{separated}, {rows:,} of them used")
        labelled = sum(bool(values) for values in self._values.values())
        lines.append(f"labels: {labelled:,} of {number:,} pictures have one; {self.unlabelled:,} have no row")
        unread = [table for table in self._contents.tables if self._folder / table != self._table_file]
        if unread:
            lines.append(f"tables not read: {', '.join(unread)} (source.table)")
        lines += [*self._finder.notes, self._persons_line(), self._captions_line()]
        if self.questions_column:
            asked = sum(not is_missing(row.cells.get(self.questions_column)) for row in self._rows.values())
            lines.append(f"questions: {asked:,} of {number:,} pictures have their own")
        return SourceReport(tuple(lines), tuple(self._faults))

    def _persons_line(self) -> str:
        number, known = len(self._files), len(self._people)
        if not self.identity_column:
            return "persons: each picture counts as a separate person (source.identity_column)"
        line = f"persons: {known:,} of {number:,} pictures show one of {len(set(self._people.values())):,} persons"
        if known == number:
            return line
        empty = f" (cells: {counted(self._missing_names)})" if self._missing_names else ""
        return f"{line}; the other {number - known:,} count as a separate person each{empty}"

    def _captions_line(self) -> str:
        if not self.caption_column:
            return "captions: none read (source.caption_column)"
        told = sum(not is_missing(row.cells.get(self.caption_column)) for row in self._rows.values())
        line = f"captions: {told:,} of {len(self._files):,} pictures have their own"
        rest = len(self._files) - told
        return f"{line}; for the other {rest:,} they are written from labels (captions=...)" if rest else line

    def describe(self) -> dict[str, Any]:
        """The settings, with fingerprints of file names, file sizes, the table and the mapping instead of paths."""
        settings = ("name", "license", "mapping", "size", *_COLUMNS[:3])
        new = ("identity_prefix", *_COLUMNS[3:])  # left out where not used: data sets of before stay valid
        digest = sha256()
        for file in self._files:
            digest.update(f"{file}\0{_size(self._folder / file)}\0".encode("utf-8", "surrogateescape"))
        inputs = {"pictures": digest.hexdigest()}
        if self._table_file:
            inputs["table"] = sha256(self._table_file.read_bytes()).hexdigest()
        if self._mapping:
            inputs["mapping"] = self._mapping.fingerprint
        return {
            **{setting: getattr(self, setting) for setting in settings},
            **{setting: value for setting in new if (value := getattr(self, setting)) is not None},
            "ignore": list(self.ignore),
            "inputs": inputs,
        }


def _size(file: Path) -> int:
    """Size of a file in bytes; -1 for a broken link."""
    return file.stat().st_size if file.exists() else -1
