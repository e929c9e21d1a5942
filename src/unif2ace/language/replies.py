"""Parses answers to questions, so that answers can be compared regardless of their wording."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from unif2ace.attributes import TAXONOMY
from unif2ace.language.phrasebook import Node, Statement, phrasebook, words_of
from unif2ace.language.phrases import CHOICES, COUNTED
from unif2ace.language.question import Question
from unif2ace.language.reading import read_text

_NUMBERS: Final = {
    **{word: str(n) for n, word in enumerate(("none", "one", "two", "three", "four", "five", "six", "seven"))},
    **{str(n): str(n) for n in range(8)},
    "zero": "0", "no": "0",
}  # fmt: skip
_ARTICLES: Final = frozenset({"a", "the", ",", ".", ";", ":", "!", "?"})


@dataclass(frozen=True, slots=True)
class Reply:
    """The content of an answer.

    Attributes:
        value: ``yes``, ``no``, the value of a field, or a number; for other questions, the text without articles.
            None if the answer states no value, or contradicts itself.
        items: For a counting question: the items that the answer names.
    """

    value: str | None
    items: frozenset[str] = frozenset()

    def agrees(self, truth: Reply) -> bool:
        """Whether the values are equal and, if this reply names items, the items are equal too."""
        return self.value is not None and self.value == truth.value and (not self.items or self.items == truth.items)


def read_answer(question: Question, answer: str) -> Reply:
    """Parses an answer to a question.

    Args:
        question: The question; only its kind and attribute are used.
        answer: Any text.
    """
    if question.kind == "yes_no":
        return Reply(_yes_no(question.attribute, answer))
    if question.kind == "count":
        return _count(question.attribute, answer)
    if question.kind in ("what", "which") and question.attribute in CHOICES:
        return Reply(_value(question.attribute, answer))
    return Reply(" ".join(word for word in words_of(answer) if word not in _ARTICLES) or None)


def is_about(question: Question, answer: str) -> bool:
    """Whether an answer to a yes/no question is about the question's attribute.

    True if the answer makes a statement about the attribute, or if it is only "yes" or "no".
    """
    if question.attribute is not None and _about(question.attribute, answer, after=""):
        return True
    stated = [name for name, _ in read_text(answer).statements if name != "gender"]
    return not stated and read_answer(question, answer).value is not None


def options(question: Question) -> tuple[str, ...]:
    """The values that a closed question offers; empty for other questions."""
    if question.kind != "which" or question.attribute not in CHOICES:
        return ()
    named = _named(phrasebook().names[question.attribute], words_of(question.question))
    return tuple(dict.fromkeys(str(value) for _, value in named))


def counted_items(question: Question) -> tuple[str, ...]:
    """The items that a counting question names, or all items of its group if none is named. Empty for other kinds."""
    if question.kind != "count" or question.attribute not in COUNTED:
        return ()
    named = _named(phrasebook().items[question.attribute], words_of(question.question))
    return tuple(dict.fromkeys(name for name, _ in named)) or tuple(COUNTED[question.attribute].items)


def _yes_no(attribute: str | None, answer: str) -> str | None:
    """The leading "yes" or "no", or the answer that the statements imply. None if the two contradict each other."""
    first = next(iter(words_of(answer)), "")
    said = {"yes": True, "no": False}.get(first)
    stated = {} if attribute is None else _about(attribute, answer, after=first if said is not None else "")
    claims = {*stated.values(), *(() if said is None else (said,))}
    return None if len(claims) != 1 else "yes" if claims.pop() else "no"


def _about(attribute: str, answer: str, after: str) -> dict[Statement, bool]:
    """The answer's statements about an attribute, each with whether it implies that the attribute is true."""
    label = TAXONOMY.labels.get(attribute)
    field, true = (label.field, label.value) if label else (attribute, True)
    text = answer.lower().strip().removeprefix(after)
    stated: dict[Statement, bool] = {}
    for name, value in read_text(text).statements:
        if name == field:
            stated[name, value] = value == true
        elif name == attribute:
            stated[name, value] = bool(value)
    return stated


def _value(field: str, answer: str) -> str | None:
    """The value of a field that the answer states, else the value that its remaining words name."""
    reading = read_text(answer)
    stated = {str(value) for name, value in reading.statements if name == field}
    if not stated:
        stated = {str(value) for _, value in _named(phrasebook().names[field], list(reading.left))}
    return stated.pop() if len(stated) == 1 else None


def _count(group: str | None, answer: str) -> Reply:
    words = words_of(answer)
    number = next((_NUMBERS[word] for word in words[:4] if word in _NUMBERS), None)
    if group not in COUNTED:
        return Reply(number)
    named = frozenset(name for name, _ in _named(phrasebook().items[group], words))
    return Reply(str(len(named)) if number is None and named else number, named)


def _named(names: Node, words: list[str]) -> list[Statement]:
    """The values or items that the words name; the longest names are matched first."""
    found: list[Statement] = []
    at = 0
    while at < len(words):
        one = names.longest(words, at)
        found += one[1] if one else ()
        at = one[0] if one else at + 1
    return found
