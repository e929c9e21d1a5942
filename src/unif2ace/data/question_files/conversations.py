"""Reads questions and reference answers from conversations in LLaVA's or ShareGPT's JSON format."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from unif2ace.data.question_files.base import KEYS, DraftItem, ItemKind, QuestionFile
from unif2ace.data.shards import SampleFault
from unif2ace.data.sources.cells import is_missing
from unif2ace.data.sources.conversations import IMAGES, TURNS, first_column
from unif2ace.data.sources.questions import parse_exchanges
from unif2ace.data.sources.row_tables import FileTable, find_tables
from unif2ace.errors import DataError

YES_NO = ("Yes", "No")


class ConversationsFile(QuestionFile):
    """Each question of a conversation is asked separately, with all its pictures. The answer is the reference.

    Questions whose answer is just yes or no have the kind ``yes_no``; all others are ``open``.

    Args:
        path: A json or jsonl file, or a folder of such files.
        images: Folder of the pictures; None for the folder of the file.
        image_column: Entry of the pictures; None for the first of `IMAGES` that exists.
        questions_column: Entry of the turns; None for the first of `TURNS` that exists.

    Raises:
        DataError: If a file, folder or entry is missing or malformed, or no question is left.
    """

    name = "conversations"

    def __init__(
        self,
        path: str,
        images: str | None = None,
        image_column: str | None = None,
        questions_column: str | None = None,
    ) -> None:
        super().__init__(path, images)
        self._table = FileTable(self._files, "image")
        self._image = first_column(self._table, image_column, IMAGES, "question_file.image_column")
        self._turns = first_column(self._table, questions_column, TURNS, "question_file.questions_column")

    def _find(self) -> list[Path]:
        return find_tables(self.path, None, (".json", ".jsonl"), *KEYS)

    def _drafts(self) -> Iterator[DraftItem | SampleFault]:
        for number, row in enumerate(self._table.rows(self._image)):
            written = row.cells.get(self._image)
            images = written if isinstance(written, list) else [] if is_missing(written) else [written]
            name = row.cells.get("id", number)
            try:
                exchanges = parse_exchanges(row.cells.get(self._turns))
            except DataError as error:
                yield SampleFault("schema", f"{row.place}: {error}")
                continue
            for turn, one in enumerate(exchanges, start=1):
                word = one.answer.strip(" .!").capitalize()
                kind: ItemKind = "yes_no" if word in YES_NO else "open"
                yield DraftItem(
                    key=f"{number}-{name}/{turn}",
                    question=one.question,
                    kind=kind,
                    options=YES_NO if kind == "yes_no" else (),
                    answers=(word if kind == "yes_no" else one.answer,),
                    images=tuple(map(str, images)),
                    prompt=one.question,
                    place=row.place,
                )
