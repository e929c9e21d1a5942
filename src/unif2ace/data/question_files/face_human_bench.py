"""Face-Human-Bench: multiple-choice questions about faces and people (Qin et al., NeurIPS 2025, MIT)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from unif2ace.data.question_files.base import (
    KEYS,
    LETTERS,
    DraftItem,
    QuestionFile,
    check_choice,
    checked_answers,
    is_yes_no,
)
from unif2ace.data.shards import SampleFault
from unif2ace.data.sources.row_tables import find_tables
from unif2ace.data.sources.tables import read_json
from unif2ace.errors import DataError

WORDS: Final = {
    "en": ("Question: ", "Please select the correct answer from the options above."),
    "zh": ("问题: ", "请从以上选项中选择正确的答案。"),
}
VERSIONS: Final = ("original", "cropped", "boxed")


class FaceHumanBenchFile(QuestionFile):
    """One JSON file per kind of question. Options keep the file's order; the published script rotates them.

    Pictures are found by the names in ``image_paths``, which the benchmark's script creates, or by their names in the
    source data set. Attribute questions, for example, name CelebA files.

    Args:
        path: A JSON file, or a folder of such files, e.g. ``data/Face-Human-Bench/test/json/en``.
        images: Folder of the pictures; None for the folder of the file.
        version: Preferred version of a question's picture: ``original``, ``cropped`` or ``boxed``. If a question lacks
            this version, the first available one is used.
        language: Language of the prompt, ``en`` or ``zh``; must agree with the files.
        subset: Prefix of the file names to read, such as ``face_attribute``; None for ``face``.

    Raises:
        ConfigError: If a setting is out of range.
        DataError: If a file or folder is missing or malformed, or no question is left.
    """

    name = "face_human_bench"

    def __init__(
        self,
        path: str,
        images: str | None = None,
        version: str = "cropped",
        language: str = "en",
        subset: str | None = None,
    ) -> None:
        check_choice(version, VERSIONS, "version")
        check_choice(language, tuple(WORDS), "language")
        self._version, self._language, self._subset = version, language, subset or "face"
        super().__init__(path, images)

    def _find(self) -> list[Path]:
        found = find_tables(self.path, "*.json", (".json",), *KEYS)
        chosen = [f for f in found if self.path.is_file() or f.stem.startswith(self._subset)]
        if not chosen:
            kinds = ", ".join(f.stem for f in found)
            raise DataError(
                f"question_file.subset={self._subset}: no file name below {self.path} begins with it; there are {kinds}"
            )
        return chosen

    def _drafts(self) -> Iterator[DraftItem | SampleFault]:
        for file in self._files:
            tree = read_json(file)
            rows = tree.get("data") if isinstance(tree, dict) else tree
            if not isinstance(rows, list):
                raise DataError(f"{file}: the file needs an entry 'data', a list of questions")
            for number, row in enumerate(rows, start=1):
                place = f"{file.name}, question {number}"
                try:
                    yield self._draft(row, place, f"{file.stem}/{number:04d}")
                except SampleFault as fault:
                    yield fault
                except (KeyError, TypeError, IndexError, AttributeError) as error:
                    yield SampleFault("schema", f"{place}: it has no {error}" if str(error) else f"{place}: malformed")

    def _draft(self, row: Any, place: str, key: str) -> DraftItem:
        asked = row["QA"]
        options = tuple(str(option) for option in asked["options"])
        answer = asked["answer"]
        if isinstance(answer, bool) or not isinstance(answer, int) or not 0 <= answer < len(options):
            raise SampleFault("schema", f"{place}: answer {answer!r} is not an index of its {len(options)} options")
        before, behind = WORDS[self._language]
        listed = [f"{LETTERS[n]}. {option}" for n, option in enumerate(options)]
        return DraftItem(
            key=key,
            question=str(asked["question"]),
            kind="yes_no" if is_yes_no(options) else "single",
            options=options,
            answers=checked_answers(place, options, [options[answer]], "single"),
            images=(self._image(row["image"], place),),
            prompt="\n".join([before + str(asked["question"]), *listed, behind]),
            lettered=True,
            category=(str(row["type"]),),
            place=place,
        )

    def _image(self, image: Any, place: str) -> str:
        """The picture's name in the benchmark, or in its source data set if the former file does not exist."""
        written = image.get("image_paths") or {}
        paths = (image.get("source") or {}).get("paths") or {}
        for version in (self._version, *VERSIONS):
            if version in written:
                made, original = str(written[version]), str(paths.get(version) or "")
                here = (self._images / made).is_file() or not original
                return made if here else f"/{original.lstrip('/')}"  # of a folder that only the authors have
        raise SampleFault("missing", f"{place}: the question names no picture")
