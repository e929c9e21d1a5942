"""FaceXBench: 5,000 questions with four options in 14 subcategories (Narayan et al., 2025)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from unif2ace.data.question_files.base import KEYS, LETTERS, DraftItem, QuestionFile, checked_answers
from unif2ace.data.shards import SampleFault
from unif2ace.data.sources.row_tables import find_tables
from unif2ace.data.sources.tables import read_json
from unif2ace.errors import DataError

TOOLS: Final = "tools_use"


class FaceXBenchFile(QuestionFile):
    """One JSON file per subcategory and data set. More than half of the questions have several pictures.

    Args:
        path: A JSON file, or the release's folder ``benchmark``.
        images: Folder of the pictures; None for the folder of the file.
        prepend_text: Whether prompts begin with the file's ``prepend_text``; an option of the published script too.

    Raises:
        DataError: If a file or folder is missing or malformed, or no question is left.
    """

    name = "facexbench"

    def __init__(self, path: str, images: str | None = None, prepend_text: bool = False) -> None:
        self._prepend = prepend_text
        super().__init__(path, images)

    def _find(self) -> list[Path]:
        return find_tables(self.path, "*.json", (".json",), *KEYS)

    def _drafts(self) -> Iterator[DraftItem | SampleFault]:
        for file in self._files:
            tree = read_json(file)
            questions = tree.get("questions") if isinstance(tree, dict) else None
            if not isinstance(questions, Mapping):
                raise DataError(f"{file}: the file needs an entry 'questions', an object of questions by number")
            for number, row in questions.items():
                place = f"{file.name}, question {number}"
                try:
                    yield self._draft(tree, row, place, f"{file.stem}/{number}")
                except SampleFault as fault:
                    yield fault
                except (KeyError, TypeError, AttributeError) as error:
                    yield SampleFault("schema", f"{place}: it has no {error}")

    def _draft(self, tree: Mapping[str, Any], row: Mapping[str, Any], place: str, key: str) -> DraftItem:
        listed = row["options"]
        options = tuple(str(o) for o in (listed.values() if isinstance(listed, Mapping) else listed))
        letter = str(row["correct_answer_option"]).strip().upper()
        if len(letter) != 1 or letter not in LETTERS[: len(options)]:
            raise SampleFault(
                "schema", f"{place}: correct_answer_option {letter!r} is no letter of its {len(options)} options"
            )
        right = options[LETTERS.index(letter)]
        stated = str(row.get("answer", right))
        if " ".join(stated.casefold().split()) != " ".join(right.casefold().split()):
            raise SampleFault("schema", f"{place}: option {letter} is {right!r}, but the answer is {stated!r}")
        category, special = str(tree["category"]), str(tree.get("sub-category", tree.get("sub_category", "")))
        before = [str(tree["context"])] if category == TOOLS and tree.get("context") else []
        before += [str(tree["prepend_text"])] if self._prepend and tree.get("prepend_text") else []
        behind = [str(tree["postpend_text"])] if tree.get("postpend_text") else []
        shown = [f"({LETTERS[n]}) {option}" for n, option in enumerate(options)]
        paths = row["image_paths"]
        return DraftItem(
            key=key,
            question=str(row["question_text"]),
            kind="single",
            options=options,
            answers=checked_answers(place, options, [right], "single"),
            images=tuple(str(p) for p in (paths if isinstance(paths, list) else [paths])),
            prompt="\n".join([*before, str(row["question_text"]), *behind, *shown]),
            lettered=True,
            category=tuple(filter(None, (category, special, str(tree.get("dataset", ""))))),
            place=place,
        )
