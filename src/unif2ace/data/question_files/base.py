"""Common format of benchmark questions about pictures, with their correct answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Literal

from unif2ace.data.shards import SampleFault
from unif2ace.data.sources.base import SourceReport
from unif2ace.data.sources.paths import counted, existing_folder, list_folder
from unif2ace.data.sources.picture_finder import PictureFinder
from unif2ace.errors import ConfigError, DataError

ItemKind = Literal["yes_no", "single", "multiple", "open"]
NOT_VISIBLE: Final = "Information not visible"
"""Option and correct answer if the picture does not show what the question asks. It counts as neither yes nor no."""
KEYS: Final = ("question_file.path", None)
"""Configuration keys of the path and of the file pattern (none), for messages of `find_tables`."""
LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class QuestionItem:
    """One question about one or several pictures.

    Attributes:
        key: Unique name of the question in the file.
        question: The question, word for word.
        kind: ``yes_no`` (options Yes, No and possibly `NOT_VISIBLE`), ``single`` (one correct option), ``multiple``
            (one or more correct options) or ``open`` (no options).
        options: The options, word for word.
        answers: The correct options, or the reference answer of an open question.
        images: Paths of the pictures, in the question's order.
        prompt: Question, options and instruction in the benchmark's wording, as given to a model.
        lettered: Whether the prompt asks for the option's letter (``A`` for the first) rather than its text.
        category: Category and subcategories, such as ``("Appearance", "level 1")``.
        after: (key, answer) of an earlier question: this question is asked only after that answer. None if it is always
            asked.
        place: File and line, for messages.
    """

    key: str
    question: str
    kind: ItemKind
    options: tuple[str, ...]
    answers: tuple[str, ...]
    images: tuple[Path, ...]
    prompt: str
    lettered: bool = False
    category: tuple[str, ...] = ()
    after: tuple[str, str] | None = None
    place: str = ""

    @property
    def single_image(self) -> bool:
        """Whether the question is about one picture; a system that takes one picture skips other questions."""
        return len(self.images) == 1

    @property
    def not_visible(self) -> bool:
        """Whether the correct answer is `NOT_VISIBLE`."""
        return self.answers == (NOT_VISIBLE,)

    @property
    def letters(self) -> tuple[str, ...]:
        """Letters of the correct options; empty for an open question."""
        return tuple(LETTERS[self.options.index(answer)] for answer in self.answers if answer in self.options)


@dataclass(frozen=True, slots=True)
class DraftItem:
    """A question before its pictures are found: as `QuestionItem`, but `images` are names as written in the file."""

    key: str
    question: str
    kind: ItemKind
    options: tuple[str, ...]
    answers: tuple[str, ...]
    images: tuple[str, ...]
    prompt: str
    lettered: bool = False
    category: tuple[str, ...] = ()
    after: tuple[str, str] | None = None
    place: str = ""


class QuestionFile(ABC):
    """The questions of a benchmark, joined with local pictures.

    A faulty question, e.g. with a missing picture, is left out and listed in the report.

    Args:
        path: Question file, or a folder of question files.
        images: Folder of the pictures; None for the folder of the file.

    Raises:
        ConfigError: If a setting is out of range.
        DataError: If a file or folder is missing or malformed, or no question is left.
    """

    name: str

    def __init__(self, path: str, images: str | None = None) -> None:
        self.path = Path(path).expanduser()
        beside = self.path if self.path.is_dir() else self.path.parent
        self._files = self._find()
        self._images = existing_folder(images or beside, "question_file.images")

    @abstractmethod
    def _find(self) -> list[Path]:
        """Paths of the question files.

        Raises:
            DataError: If there is no question file.
        """

    @abstractmethod
    def _drafts(self) -> Iterable[DraftItem | SampleFault]:
        """Yields all questions; a malformed question gives a `SampleFault`."""

    @cached_property
    def items(self) -> tuple[QuestionItem, ...]:
        """The questions in the order of the file.

        Raises:
            DataError: If every question is faulty.
        """
        finder = PictureFinder({"": self._images}, {"": list_folder(self._images).pictures})
        items: dict[str, QuestionItem] = {}
        faults: list[SampleFault] = []
        for draft in self._drafts():
            try:
                if isinstance(draft, SampleFault):
                    raise draft
                if draft.key in items:
                    first = items[draft.key].place
                    raise SampleFault("schema", f"{draft.place}: question {draft.key!r} occurs before, at {first}")
                items[draft.key] = _joined(draft, finder)
            except SampleFault as fault:
                faults.append(fault)
        self._faults, self._notes = tuple(faults), finder.notes
        if not items:
            if not faults:
                raise DataError(f"{self.path} has no questions: give another file")
            raise DataError(f"{self.path}: all {len(faults):,} entries are faulty; the first: {faults[0].message}")
        return tuple(items.values())

    def __len__(self) -> int:
        return len(self.items)

    def report(self) -> SourceReport:
        """Numbers of questions by kind and category, about several pictures, and left out."""
        items = self.items
        kinds = counted(dict(Counter(item.kind for item in items).most_common()))
        categories = counted(dict(Counter(item.category[0] for item in items if item.category).most_common()))
        pictures = {image for item in items for image in item.images}
        several = sum(not item.single_image for item in items)
        lines = [
            f"{len(items):,} questions about {len(pictures):,} pictures of {self._images}",
            f"kinds: {kinds}",
            *([f"categories: {categories}"] if categories else []),
            f"about one picture: {len(items) - several:,}; about several: {several:,}",
            f"right answer {NOT_VISIBLE!r}: {sum(item.not_visible for item in items):,}",
            f"asked only after another answer: {sum(item.after is not None for item in items):,}",
        ]
        lines += self._notes
        if self._faults:
            causes = counted(dict(Counter(fault.cause for fault in self._faults).most_common()))
            lines.append(f"left out: {len(self._faults):,} ({causes}), the first: {self._faults[0].message}")
        return SourceReport(tuple(lines), self._faults)

    def describe(self) -> dict[str, Any]:
        """Name, SHA-256 of the files and numbers of questions, to be stored with a result."""
        digest = sha256()
        for file in self._files:
            digest.update(file.name.encode() + b"\0" + file.read_bytes())
        several = sum(not item.single_image for item in self.items)
        return {
            "name": self.name,
            "sha256": digest.hexdigest(),
            "questions": len(self.items),
            "several_images": several,
            "left_out": len(self._faults),
        }


def _joined(draft: DraftItem, finder: PictureFinder) -> QuestionItem:
    if not draft.images:
        raise SampleFault("missing", f"{draft.place}: the question names no picture")
    images = tuple(finder.path(finder.find(image, draft.place)) for image in draft.images)
    fields = {name: getattr(draft, name) for name in DraftItem.__slots__ if name != "images"}
    return QuestionItem(images=images, **fields)


def checked_answers(place: str, options: Sequence[str], answers: Sequence[str], kind: ItemKind) -> tuple[str, ...]:
    """Checks the correct answers and returns them in the spelling of the options.

    Args:
        place: File and line, for messages.
        options: The options; empty for an open question.
        answers: Correct answers as written; case and blanks may differ from the options.
        kind: Kind of the question.

    Raises:
        SampleFault: If there is no answer, an answer is not one of the options, or a question of a kind other than
            ``multiple`` has several.
    """
    if not answers or not all(answer.strip() for answer in answers):
        raise SampleFault("missing", f"{place}: the question has no correct answer")
    if kind == "open":
        return tuple(answers)
    if not options:
        raise SampleFault("missing", f"{place}: the question has no options")
    if len(set(options)) < len(options):
        raise SampleFault("schema", f"{place}: the same option is given twice in: {', '.join(options)}")
    known = {" ".join(option.casefold().split()): option for option in options}
    found = []
    for answer in answers:
        option = known.get(" ".join(answer.casefold().split()))
        if option is None:
            raise SampleFault(
                "schema", f"{place}: the answer {answer!r} is not one of the options {', '.join(options)}"
            )
        found.append(option)
    if kind != "multiple" and len(found) > 1:
        raise SampleFault("schema", f"{place}: a {kind} question must have one correct answer, not {', '.join(found)}")
    return tuple(dict.fromkeys(found))


def is_yes_no(options: Sequence[str]) -> bool:
    """Whether the options are yes and no, optionally with `NOT_VISIBLE`."""
    words = {option.casefold() for option in options}
    return {"yes", "no"} <= words <= {"yes", "no", NOT_VISIBLE.casefold()}


def check_choice(value: str, known: Sequence[str], key: str) -> None:
    """Checks that a setting is one of the known values.

    Raises:
        ConfigError: If `value` is not in `known`.
    """
    if value not in known:
        raise ConfigError(f"question_file.{key}={value}: it must be {' or '.join(known)}")
