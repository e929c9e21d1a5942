"""FaceBench: 49,919 questions of four kinds about face attributes (hub id wxqlab/FaceBench, CC-BY-4.0)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from unif2ace.data.question_files.base import KEYS, DraftItem, ItemKind, QuestionFile, checked_answers
from unif2ace.data.shards import SampleFault
from unif2ace.data.sources.row_tables import find_tables
from unif2ace.data.sources.tables import TableRow, read_table
from unif2ace.errors import DataError, nearest

KINDS: Final[dict[str, ItemKind]] = {"TFQ": "yes_no", "SCQ": "single", "MCQ": "multiple", "OEQ": "open"}
DIRECTLY: Final = " Please return the answer directly without additional explanation."
YES: Final = "option Y"


class FaceBenchFile(QuestionFile):
    """One JSON line per question; the entry ``conditions`` lists the follow-up questions.

    Args:
        path: A jsonl file, or a folder of such files.
        images: Folder of the pictures of FaceBench's source data sets; None for the folder of the file.

    Raises:
        DataError: If a file or folder is missing or malformed, or no question is left.
    """

    name = "face_bench"

    def _find(self) -> list[Path]:
        return find_tables(self.path, "*.jsonl" if self.path.is_dir() else None, (".jsonl", ".json"), *KEYS)

    def _drafts(self) -> Iterator[DraftItem | SampleFault]:
        for file in self._files:
            rows = read_table(file).rows
            after = _followed(rows)
            for row in rows:
                try:
                    yield _draft(row, after)
                except DataError as error:
                    yield error if isinstance(error, SampleFault) else SampleFault("schema", f"{row.place}: {error}")


def _followed(rows: tuple[TableRow, ...]) -> dict[str, tuple[str, str]]:
    """For each follow-up question, the preceding question and the answer after which it is asked."""
    found: dict[str, tuple[str, str]] = {}
    for row in rows:
        conditions = row.cells.get("conditions")
        for option, followers in conditions.items() if isinstance(conditions, dict) else ():
            answer = "Yes" if option == YES else "No"
            for follower in followers if isinstance(followers, list) else ():
                found[_key(row.cells, follower)] = (_key(row.cells, row.cells.get("question_id")), answer)
    return found


def _key(cells: Any, question: object) -> str:
    return f"{cells.get('image_id')}/{question}"


def _draft(row: TableRow, after: dict[str, tuple[str, str]]) -> DraftItem:
    cells = row.cells
    for name in ("question_id", "question_type", "image_id", "text", "gt_answer"):
        if cells.get(name) in (None, "", []):
            raise DataError(f"the question has no {name!r}")
    kind = KINDS.get(str(cells["question_type"]))
    if kind is None:
        shown = str(cells["question_type"])
        raise DataError(f"question_type {shown!r} is not one of {', '.join(KINDS)}{nearest(shown, KINDS)}")
    options = tuple(map(str, cells.get("options") or ()))
    given = cells["gt_answer"]
    answers = checked_answers(
        row.place, options, [str(a) for a in (given if isinstance(given, list) else [given])], kind
    )
    lines = [str(cells["text"]), *options, str(cells.get("instruction") or "")]
    about = cells.get("metadata") or {}
    category = tuple(str(about[k]) for k in ("view", "attribute_level") if about.get(k))
    key = _key(cells, cells["question_id"])
    return DraftItem(
        key=key,
        question=str(cells["text"]),
        kind=kind,
        options=options,
        answers=answers,
        images=(str(cells["image_id"]),),
        prompt="\n".join(filter(None, lines)) + DIRECTLY,
        category=category,
        after=after.get(key),
        place=row.place,
    )
