"""Imports conversations about pictures in LLaVA's or ShareGPT's JSON format, e.g. FaceLLM, FaceInstruct, EmoLA."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from unif2ace.data.shards import SampleFault
from unif2ace.data.sources.cells import is_missing
from unif2ace.data.sources.joined import PictureEntry
from unif2ace.data.sources.paths import existing_folder
from unif2ace.data.sources.row_tables import FileTable, find_tables
from unif2ace.data.sources.tables import TableRow
from unif2ace.data.sources.tabular import TabularSource
from unif2ace.errors import DataError

TURNS = ("conversations", "messages", "conversation")
IMAGES = ("image", "images", "image_path", "img")
PROMPTS = ("describe", "please describe", "give a description", "give a detailed description", "write a caption")


@dataclass(kw_only=True, eq=False)
class ConversationsSource(TabularSource):
    """Conversations, one per row, each about one picture. The conversations of a picture are merged, word for word.

    The answer to a request for a description becomes a caption; other turns become questions. A conversation without a
    picture, or about several pictures, is left out and listed.

    Args:
        path: A json or jsonl file, or a folder of such files.
        images: Folder of the pictures; None for the folder of the file.
        license: Terms of use of pictures whose row states no license.
        files: Pattern of the files to read in a folder, such as ``*train*.json``; None for all.
        image_column: Column of the picture's name; None for the first of `IMAGES` that exists.
        questions_column: Column of the turns; None for the first of `TURNS` that exists.
        size: Image side in pixels; None keeps square files unchanged and crops others to a square.
        name: Short name, prefix of the keys.

    Raises:
        ConfigError: If a setting is out of range.
        DataError: If the file, the column of turns, or a row with a picture is missing.
    """

    path: str
    images: str | None = None
    files: str | None = None
    image_column: str | None = None  # type: ignore[assignment]
    caption_column: str | list[str] | None = None
    questions_column: str | None = None
    caption_prompts: Sequence[str] = PROMPTS
    name: str = "conversations"

    def __post_init__(self) -> None:
        place = Path(self.path).expanduser()
        table = FileTable(find_tables(place, self.files, (".json", ".jsonl")), "image")
        self.questions_column = first_column(table, self.questions_column, TURNS, "source.questions_column")
        self.image_column = first_column(table, self.image_column, IMAGES, "source.image_column")
        self._prepare(table)
        beside = place if place.is_dir() else place.parent
        self._open({"images": existing_folder(self.images or beside, "source.images")})
        self._join(self._entry(row) for row in table.rows(self.image_column))
        self._finish()

    def _entry(self, row: TableRow) -> tuple[object, PictureEntry | SampleFault]:
        written = self._cell(row, "image_column")
        named = written if isinstance(written, list) else [] if is_missing(written) else [written]
        if len(named) != 1:
            what = f"{len(named)} pictures" if named else "no picture"
            return "", SampleFault("schema", f"{row.place}: the conversation names {what}, but must name exactly one")
        found = super()._entry(row)
        return named[0], found[1]


def first_column(table: FileTable, wanted: str | None, usual: Sequence[str], setting: str) -> str:
    """The column `wanted`, or, if it is None, the first of `usual` that exists.

    Raises:
        DataError: If no such column exists.
    """
    found = wanted if wanted in table.columns else next((c for c in usual if c in table.columns and not wanted), None)
    if found is None:
        what = repr(wanted) if wanted else " or ".join(usual)
        raise DataError(f"{table.name} has no column {what}; set {setting} to one of {', '.join(table.columns)}")
    return found
