"""A folder of user images, optionally with a table of their attributes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from unif2ace.attributes import TAXONOMY, AttributeMapping, AttributeRecord
from unif2ace.attributes.record import Value
from unif2ace.data.sources.base import SourceItem
from unif2ace.data.sources.paths import check_name, existing_folder, find_pictures, unique_keys
from unif2ace.data.sources.pictures import check_size, square_picture
from unif2ace.data.sources.tables import Table, TableRow, parse_value, read_table
from unif2ace.errors import ConfigError, DataError, nearest

TABLE_NAMES = ("metadata.csv", "metadata.jsonl")


@dataclass(kw_only=True, eq=False)
class FolderSource:
    """All jpg, png and webp images below a folder, in the order of their paths.

    You state the terms to which the images' owner and the people in them agreed. An image without a row in the table
    has an empty record; `unlabelled` counts them. A square file of the requested size is stored byte for byte,
    including its camera metadata, such as the location.

    Args:
        path: The folder.
        license: Terms under which the images may be used, written into every sample.
        table: csv or jsonl file, relative to the folder; None takes its ``metadata.csv`` or ``metadata.jsonl`` if
            there is one. Columns are fields and labels of the taxonomy, or a data set's names with `mapping`.
        mapping: Name of an attribute mapping, such as ``celeba``, or None.
        size: Image side in pixels; None keeps square files unchanged and crops others to a square.
        image_column: Column with the image's path, relative to the folder.
        identity_column: Column with the person in the image; None treats each image as a separate person.
        caption_column: Column with a caption, or in jsonl a list of captions; None for no captions.
        ignore: Columns that are not attributes.
        name: Short name, prefix of the keys.

    Raises:
        ConfigError: If a setting is out of range.
        DataError: If the folder, an image or a column is missing, or a cell cannot be parsed.
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
    unlabelled: int = field(init=False)

    def __post_init__(self) -> None:
        check_name(self.name)
        check_size(self.size)
        if not self.license.strip():
            raise ConfigError("source.license is empty: state the terms under which the pictures may be used")
        self._folder = existing_folder(self.path)
        self._files = find_pictures(self._folder)
        self._keys = unique_keys([f.rpartition(".")[0] for f in self._files], self._files, f"{self.name}-")
        self._mapping = AttributeMapping(self.mapping) if self.mapping else None
        file = self._find_table()
        self._rows: dict[str, TableRow] = {}
        self._values: dict[str, Mapping[str, Value]] = {}
        if file:
            self._join(read_table(file))
        elif self.identity_column or self.caption_column:
            wanted = self.identity_column or self.caption_column
            raise DataError(f"there is no table to take column {wanted!r} from: {self._folder} has no {TABLE_NAMES[0]}")
        self.unlabelled = len(self._files) - len(self._rows)
        self._fingerprint = self._digest(file)

    def _find_table(self) -> Path | None:
        if self.table is not None:
            return self._folder / Path(self.table).expanduser()
        found = [self._folder / n for n in TABLE_NAMES if (self._folder / n).is_file()]
        if len(found) > 1:
            raise DataError(f"{self._folder} has {' and '.join(TABLE_NAMES)}; set source.table to one of them")
        return found[0] if found else None

    def _join(self, table: Table) -> None:
        """Finds the image of each row and parses its attributes."""
        table.need(self.image_column, "source.image_column")
        for column, setting in ((self.identity_column, "identity_column"), (self.caption_column, "caption_column")):
            if column:
                table.need(column, f"source.{setting}")
        apart = {self.image_column, self.identity_column, self.caption_column, *self.ignore}
        attributes = [c for c in table.columns if c not in apart]
        for column in attributes:
            self._check_column(table.name, column)
        files = set(self._files)
        for row in table.rows:
            file = Path(str(row.cells.get(self.image_column, "")).replace("\\", "/")).as_posix()
            if file not in files:
                raise DataError(f"{row.place}: no picture {file!r} below {self._folder}{nearest(file, self._files)}")
            if file in self._rows:
                raise DataError(f"{row.place}: {file!r} has a row already, {self._rows[file].place}; leave one of them")
            self._rows[file] = row
            self._values[file] = {c: v for c in attributes if (v := self._parse(row, c)) is not None}
            try:
                self._record_of(self._values[file])
            except DataError as error:
                raise DataError(f"{row.place}: {error}") from error

    def _check_column(self, table: str, column: str) -> None:
        known = list(self._mapping.meanings) if self._mapping else [*TAXONOMY.fields, *TAXONOMY.labels]
        if column in known or (self._mapping and self._mapping.find(column)):
            return
        what = f"label of {self.mapping!r}" if self.mapping else "attribute of the taxonomy"
        mend = f"rename it or set source.ignore=[{column}]"
        raise DataError(f"{table}, column {column!r} is no {what}; {mend}{nearest(column, known)}")

    def _parse(self, row: TableRow, column: str) -> Value:
        choices = TAXONOMY.fields[column].choices if not self._mapping and column in TAXONOMY.fields else ()
        try:
            return parse_value(row.cells.get(column), choices)
        except DataError as error:
            raise DataError(f"{row.place}, column {column!r}: {error}") from error

    def _record_of(self, values: Mapping[str, Value]) -> AttributeRecord:
        if self._mapping is None:
            return AttributeRecord(values)
        return self._mapping({label: value is True for label, value in values.items()})

    def _digest(self, table: Path | None) -> str:
        digest = sha256(table.read_bytes() if table else b"")
        for file in self._files:
            digest.update(f"{file}\0{(self._folder / file).stat().st_size}\0".encode("utf-8", "surrogateescape"))
        return digest.hexdigest()

    def __len__(self) -> int:
        return len(self._files)

    def key(self, index: int) -> str:
        """The source's name and the image's path, with characters other than ``a-z0-9_-`` replaced."""
        return self._keys[index]

    def identity(self, index: int) -> str:
        """The identity column's value, or the key if it is empty."""
        row = self._rows.get(self._files[index])
        person = str(row.cells.get(self.identity_column) or "").strip() if row and self.identity_column else ""
        return f"{self.name}-person-{person}" if person else self._keys[index]

    def record(self, index: int) -> AttributeRecord:
        """Attributes of the image's row; an empty record without a row."""
        return self._record_of(self._values.get(self._files[index], {}))

    def items(self, indices: Sequence[int]) -> list[SourceItem]:
        """The images at these indices; an error names the file."""
        return [self._item(i) for i in indices]

    def _item(self, index: int) -> SourceItem:
        file = self._files[index]
        try:
            data = (self._folder / file).read_bytes()
        except OSError as error:
            raise DataError(f"{self._folder / file} cannot be read: {error.strerror or error}") from error
        image = square_picture(data, self.size, str(self._folder / file))
        printable = file.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        return SourceItem(image, self.record(index), self.license, self._captions(file), {"file": printable})

    def _captions(self, file: str) -> tuple[str, ...]:
        row = self._rows.get(file)
        told = row.cells.get(self.caption_column) if row and self.caption_column else None
        captions = told if isinstance(told, list) else [] if told is None else [told]
        return tuple(text for caption in captions if (text := str(caption).strip()))

    def describe(self) -> dict[str, Any]:
        """The settings, with a fingerprint of file names, file sizes and the table instead of the path."""
        settings = ("name", "license", "mapping", "size", "image_column", "identity_column", "caption_column")
        return {
            **{setting: getattr(self, setting) for setting in settings},
            "ignore": list(self.ignore),
            "files": self._fingerprint,
        }
