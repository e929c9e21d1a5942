"""Data classes for the wordings of questions; the files in `phrases/` contain the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from unif2ace.language.facts import Value


@dataclass(frozen=True, slots=True)
class Wording:
    """Words for one label or boolean field in questions, grouped by the frames that they fit (`question_frames`).

    Attributes:
        worn: Nouns after "wear": "a hat".
        had: Nouns after "have": "a beard".
        doing: Pairs of the participle and the base form of a verb phrase: "smiling" and "smile".
        being: Adjectives of the person, after "is": "bald".
        feeling: Adjectives after "looks": "happy".
        parts: Pairs of a part of the face and an adjective: "nose" and "big".
        covers: Other fields that the words include, as "glasses" include sunglasses. If the answer is "no", the words
            are used only if these fields are known to be false.
    """

    worn: tuple[str, ...] = ()
    had: tuple[str, ...] = ()
    doing: tuple[tuple[str, str], ...] = ()
    being: tuple[str, ...] = ()
    feeling: tuple[str, ...] = ()
    parts: tuple[tuple[str, str], ...] = ()
    covers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class YesNo:
    """A question about one label or boolean field.

    Attributes:
        ask: Questions, without the question mark; the first is the simplest. `question_frames` adds many more.
        yes: Answers if the label or field is true, after "Yes, ".
        no: Answers if the label or field is false, after "No, ".
        instead: Answers after "No, " that name the actual value of the label's field, used if the value is known.
        neutral: Whether the subject is mostly "the person", because "he" or "she" often reveals the answer.
    """

    ask: tuple[str, ...]
    yes: tuple[str, ...]
    no: tuple[str, ...]
    instead: tuple[str, ...] = ()
    neutral: bool = True


@dataclass(frozen=True, slots=True)
class Choice:
    """An open and a closed question about one field with several values.

    Attributes:
        names: The word for each value, in questions and answers.
        what: Open questions.
        which: Closed questions; ``{options}`` is the list to choose from.
        answers: Answers; ``{value}`` is the word for the true value.
        neutral: As in `YesNo`.
    """

    names: Mapping[str, str]
    what: tuple[str, ...]
    which: tuple[str, ...]
    answers: tuple[str, ...]
    neutral: bool = False


@dataclass(frozen=True, slots=True)
class Counted:
    """Items of one group that can be counted.

    Attributes:
        items: For each item its fields; the item is present if at least one field is true.
        some: Questions about listed items; ``{items}`` is the list.
        every: Questions about all items of the group; empty if no clear wording exists.
    """

    items: Mapping[str, tuple[str, ...]]
    some: tuple[str, ...]
    every: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reason:
    """A question that asks why, and the visible evidence for the answer.

    Attributes:
        attribute: Name of the attribute of the question.
        when: Values by field that the record must have to ask the question; None for null.
        ask: Questions.
        answers: Answers; ``{evidence}`` is a list of clauses.
        evidence: Pairs of a (field, value) and its clause. At least one value must be true to ask the question.
        support: Pairs as in `evidence`, for evidence that is too weak on its own.
    """

    attribute: str
    when: Mapping[str, Value]
    ask: tuple[str, ...]
    answers: tuple[str, ...]
    evidence: tuple[tuple[tuple[str, Value], str], ...]
    support: tuple[tuple[tuple[str, Value], str], ...] = field(default=())
