"""Base classes of importers of tables (parquet, json, csv) whose columns are named by the configuration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar

from unif2ace.attributes import AttributeMapping, AttributeRecord
from unif2ace.data.shards import SampleFault
from unif2ace.data.sources.attribute_cells import parse_record
from unif2ace.data.sources.cells import from_json_text, is_missing, parse_captions, parse_name
from unif2ace.data.sources.joined import JoinedSource, PictureEntry, known
from unif2ace.data.sources.picture_finder import plain_name
from unif2ace.data.sources.questions import CAPTION, Exchange, parse_exchanges
from unif2ace.data.sources.row_tables import RowTable
from unif2ace.data.sources.tables import TableRow
from unif2ace.errors import ConfigError, DataError, check_list, nearest

_TEXT_COLUMNS = ("caption_column", "questions_column", "attributes_column")


@dataclass(kw_only=True, eq=False)
class TabularSource(JoinedSource):
    """Rows with columns for captions, questions, labels, person and license.

    A column that the configuration names must exist. A column with its default name may be missing; the report then
    says so.

    Args:
        image_column: Column with the picture's name, its bytes, or both.
        caption_column: Column with a caption or a list of captions, or a list of such columns; None reads none.
        questions_column: Column with a list of questions and answers, or of a conversation's turns; None reads none.
        attributes_column: Column with an object of attributes, or a list of the true labels; None reads none.
        label_columns: Columns with one label each; the column name is the label.
        mapping: Attribute mapping of the labels: a name such as ``celeba``, or the path of a yaml file; None if labels
            are names of the taxonomy.
        identity_column: Column with the name or number of the person; None reads none.
        license_column: Column with the license of the picture; None reads none.
        caption_prompts: Beginnings of questions that ask for a caption; their answers become captions.
    """

    image_column: str = "image"
    caption_column: str | list[str] | None = "captions"
    questions_column: str | None = "questions"
    attributes_column: str | None = "attributes"
    label_columns: Sequence[str] = ()
    mapping: str | None = None
    identity_column: str | None = "identity"
    license_column: str | None = "license"
    provenance_column: str | None = "provenance"
    caption_prompts: Sequence[str] = ()
    license: str | None = None
    size: int | None = None
    name: str = "table"

    IMAGE_NEEDED: ClassVar[bool] = True

    def _prepare(self, table: RowTable) -> None:
        """Checks the settings and finds the columns in the table.

        Raises:
            ConfigError: If a setting is out of range.
            DataError: If a named column is missing, or no column of captions, questions or labels exists.
        """
        check_list(self.label_columns, "source.label_columns")
        check_list(self.caption_prompts, "source.caption_prompts")
        self._set_up()
        self._mapping = AttributeMapping(self.mapping) if self.mapping else None
        self._prompts = tuple(prompt.casefold().strip() for prompt in self.caption_prompts)
        if "" in self._prompts:
            raise ConfigError("source.caption_prompts has an empty text, which matches every question; remove it")
        self._columns: dict[str, tuple[str, ...]] = {}
        absent = []
        for setting, usual in self._column_settings():
            value = getattr(self, setting)
            columns = (value,) if isinstance(value, str) else tuple(value or ())
            missing = [column for column in columns if column not in table.columns]
            if missing and (value != usual or (setting == "image_column" and self.IMAGE_NEEDED)):
                hint = nearest(missing[0], table.columns)
                there = ", ".join(table.columns)
                raise DataError(
                    f"{table.name} has no column {missing[0]!r}; set source.{setting} to one of {there}{hint}"
                )
            absent += [f"{column!r} (source.{setting})" for column in missing]
            self._columns[setting] = tuple(column for column in columns if column in table.columns)
        if absent:
            self._notes.append(f"{table.name} has no column {', '.join(absent)}")
        read = {column for columns in self._columns.values() for column in columns}
        if unread := [column for column in table.columns if column not in read]:
            self._notes.append(f"columns not read: {', '.join(unread)}")
        if not any(self._columns[setting] for setting in (*_TEXT_COLUMNS, "label_columns")):
            what = f"{table.name}: no column of captions, questions or labels was found"
            raise DataError(f"{what}; set source.caption_column to one of {', '.join(table.columns)}")

    def _column_settings(self) -> Iterator[tuple[str, Any]]:
        """Yields each setting that names columns, with its default."""
        for one in fields(self):
            if one.name.endswith(("_column", "_columns")):
                yield one.name, one.default

    def _cell(self, row: TableRow, setting: str) -> Any:
        columns = self._columns[setting]
        return row.cells.get(columns[0]) if columns else None

    def _entry(self, row: TableRow) -> tuple[object, PictureEntry | SampleFault]:
        """The picture name of a row, and the row's parsed contents or its fault."""
        written = self._cell(row, "image_column")
        setting = ""
        try:
            captions: list[str] = []
            for column in self._columns["caption_column"]:
                setting = "caption_column"
                captions += parse_captions(from_json_text(row.cells.get(column)))
            setting = "questions_column"
            asked = parse_exchanges(self._cell(row, setting))
            captions += [one.answer for one in asked if self._asks_caption(one)]
            setting = "attributes_column"
            record = parse_record(from_json_text(self._cell(row, setting)), self._mapping)
            setting = "label_columns"
            labels = {column: row.cells.get(column) for column in self._columns[setting]}
            both = known(record) | known(parse_record(labels or None, self._mapping))
            values = known(AttributeRecord(both))
            setting = "identity_column"
            person = parse_name(self._cell(row, setting))
        except DataError as error:
            shown = ", ".join(self._columns[setting])
            return written, SampleFault("schema", f"{row.place}, column {shown!r}: {error}")
        questions = tuple(one.typed() for one in asked if not self._asks_caption(one))
        license, origin = self._cell(row, "license_column"), from_json_text(self._cell(row, "provenance_column"))
        stated = "" if is_missing(license) else str(license)
        unique = tuple(dict.fromkeys(captions))
        entry = PictureEntry(
            row.place, values, unique, questions, person, stated, origin if isinstance(origin, dict) else {}
        )
        return written, entry

    def _asks_caption(self, one: Exchange) -> bool:
        """Whether a question asks for a caption: by its kind, or without a kind by its first words."""
        if one.kind:
            return one.kind == CAPTION
        return bool(self._prompts) and one.question.casefold().startswith(self._prompts)


class EmbeddedPicture(tuple[int, str]):
    """A picture inside a table: (row index, picture name)."""

    __slots__ = ()


class EmbeddingSource(TabularSource):
    """A tabular source whose pictures may be stored inside the table."""

    _table: RowTable

    def _join_rows(self, folders: dict[str, Path]) -> None:
        """Joins the rows with pictures below `folders`; without folders, with the pictures inside the table."""
        rows = (self._entry(row) for row in self._table.rows(self.image_column))
        if folders:
            self._open(folders)
            self._join(rows)
            return
        for number, (written, entry) in enumerate(rows):
            name = plain_name(written) or f"row-{number + 1:08d}"
            try:
                if isinstance(entry, SampleFault):
                    raise entry
                self._take(EmbeddedPicture((number, name)), entry)
            except SampleFault as fault:
                self._faults.append(fault)

    def _shown(self, picture: Any) -> str:
        return picture[1] if isinstance(picture, EmbeddedPicture) else super()._shown(picture)

    def _where(self, picture: Any) -> str:
        return self._entries[picture].place if isinstance(picture, EmbeddedPicture) else super()._where(picture)

    def _data(self, picture: Any) -> bytes:
        if isinstance(picture, EmbeddedPicture):
            return self._table.embedded(picture[0], self.image_column)
        return super()._data(picture)

    def _length(self, picture: Any) -> int:
        return picture[0] if isinstance(picture, EmbeddedPicture) else super()._length(picture)

    def describe(self) -> dict[str, Any]:
        """As in the base class, with the fingerprint of the tables for embedded pictures."""
        tree = super().describe()
        return {**tree, "inputs": {**tree["inputs"], "tables": self._table.fingerprint}}
