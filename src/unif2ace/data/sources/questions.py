"""Parses questions with answers in the formats of other projects: pairs, objects, or turns of a conversation."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from unif2ace.data.sources.cells import is_missing
from unif2ace.errors import DataError
from unif2ace.language.question import KINDS, Question

QUESTION_KEYS: Final = ("question", "q", "Question", "text", "instruction")
ANSWER_KEYS: Final = ("answer", "a", "Answer", "gt_answer", "response", "output")
ASKERS: Final = frozenset(("human", "user"))
ANSWERERS: Final = frozenset(("gpt", "assistant", "model", "bot"))
IMAGE_MARK: Final = re.compile(r"\s*<(image|Image)>\s*")
"""LLaVA's placeholder for the image; it is removed from a question."""
CAPTION: Final = "caption"
"""Kind of a turn that asks for a caption; written by the export format `conversations`."""
_YES_NO: Final = re.compile(r"\s*(yes|no)\b", re.IGNORECASE)


class Exchange(NamedTuple):
    """A question and its answer as written in the source.

    Attributes:
        question: Text of the question.
        answer: Text of the answer.
        kind: Stated kind of the question, one of `KINDS` or ``caption``; empty if not stated.
        attribute: Stated attribute of the question; None if not stated.
    """

    question: str
    answer: str
    kind: str = ""
    attribute: str | None = None

    def typed(self) -> Question:
        """Converts to `Question`; the default kind is ``yes_no`` if the answer begins with yes or no, else ``what``."""
        known = self.kind if self.kind in KINDS else "yes_no" if _YES_NO.match(self.answer) else "what"
        return Question(self.question, self.answer, known, self.attribute)  # type: ignore[arg-type]


def parse_exchanges(cell: object) -> tuple[Exchange, ...]:
    """Parses the questions in a cell.

    Args:
        cell: A list of objects with a question and an answer, of [question, answer] pairs, or of a conversation's
            turns; such a list as JSON text; or a missing value.

    Raises:
        DataError: If the cell has another form, or a question has no answer.
    """
    if isinstance(cell, str) and not is_missing(cell):
        text = cell
        try:
            cell = json.loads(text)
        except ValueError as error:
            raise DataError(f"{text[:40]!r} is not a JSON list of questions: {error}") from error
    if is_missing(cell):
        return ()
    listed = [cell] if isinstance(cell, Mapping) else cell
    if not isinstance(listed, Sequence) or isinstance(listed, str | bytes):
        raise DataError(f"{str(cell)[:40]!r} is not a list of questions; give a list of {{question, answer}}")
    if any(isinstance(entry, Mapping) and ("from" in entry or "role" in entry) for entry in listed):
        return parse_turns(listed)
    return tuple(_exchange(entry) for entry in listed)


def _exchange(entry: Any) -> Exchange:
    if isinstance(entry, Mapping):
        pair = [next((entry[k] for k in keys if k in entry), None) for keys in (QUESTION_KEYS, ANSWER_KEYS)]
        return Exchange(*_texts(pair, entry), str(entry.get("kind") or ""), _attribute(entry))
    if isinstance(entry, Sequence) and not isinstance(entry, str | bytes) and len(entry) == 2:
        return Exchange(*_texts(entry, entry))
    raise DataError(f"{str(entry)[:60]!r} is not a question with an answer; give {{question, answer}}")


def parse_turns(turns: Sequence[Any]) -> tuple[Exchange, ...]:
    """Parses a conversation in LLaVA's (``from``, ``value``) or OpenAI's format (``role``, ``content``).

    System turns and image placeholders are left out.

    Raises:
        DataError: If a turn is malformed, or questions and answers do not alternate.
    """
    found: list[Exchange] = []
    asked: Mapping[str, Any] | None = None
    for number, turn in enumerate(turns, start=1):
        if not isinstance(turn, Mapping):
            raise DataError(f"turn {number} is {str(turn)[:40]!r}, not an object with 'from' and 'value'")
        role = str(turn.get("from", turn.get("role", ""))).casefold()
        if role == "system":
            continue
        if role not in ASKERS | ANSWERERS:
            raise DataError(f"turn {number} is from {role!r}; it must be from human, gpt or system")
        if (role in ASKERS) == (asked is not None):
            raise DataError(f"turn {number} is from {role!r}; questions and answers must alternate")
        if role in ASKERS:
            asked = turn
            continue
        assert asked is not None
        question, answer = _texts([_words(asked), _words(turn)], turn)
        found.append(Exchange(question, answer, str(asked.get("kind") or ""), _attribute(asked)))
        asked = None
    if asked is not None:
        raise DataError(f"the last question {_words(asked)!r} has no answer")
    return tuple(found)


def _words(turn: Mapping[str, Any]) -> object:
    value = turn.get("value", turn.get("content"))
    if isinstance(value, list):  # OpenAI's parts; the image is one of them
        value = " ".join(str(part.get("text")) for part in value if isinstance(part, Mapping) and "text" in part)
    return IMAGE_MARK.sub(" ", value).strip() if isinstance(value, str) else value


def _attribute(entry: Mapping[str, Any]) -> str | None:
    value = entry.get("attribute")
    return None if is_missing(value) else str(value)


def _texts(pair: Sequence[Any], entry: object) -> tuple[str, str]:
    for name, text in zip(("question", "answer"), pair, strict=True):
        if not isinstance(text, str) or not text.strip():
            raise DataError(f"{str(entry)[:60]!r} has no {name}")
    return pair[0].strip(), pair[1].strip()
