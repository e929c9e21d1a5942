"""Data classes for the kinds of questions; the theme files contain the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from unif2ace.language.facts import Value


@dataclass(frozen=True, slots=True)
class Wording:
    """Words for one label or boolean field in questions, by the frames that they fit.

    Attributes:
        worn: Nouns after "wear": "a hat".
        had: Nouns after "have": "a beard".
        doing: Pairs of the participle and the base form of a verb phrase: "smiling" and "smile".
        being: Adjectives of the person, after "is": "bald".
        feeling: Adjectives after "looks": "happy".
        parts: Pairs of a part of the face and an adjective: "nose" and "big".
        covers: Other fields that the words mean too; they must be known to be false where this one is false.
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
        ask: Questions, without the question mark; the first is the plainest. `question_frames` adds many more.
        yes: Answers if it is true, after "Yes, ".
        no: Answers if it is false, after "No, ".
        instead: Further such answers that name the value of the label's field, if it is known.
        neutral: Whether to ask mostly about "the person", because "he" or "she" often reveals the answer.
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
        neutral: As for `YesNo`.
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
        items: The items, each with the fields of which one must be true.
        some: Questions about a given list, ``{items}``.
        every: Questions about all items at once; empty if no clear wording exists.
    """

    items: Mapping[str, tuple[str, ...]]
    some: tuple[str, ...]
    every: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reason:
    """A question that asks why, and the visible evidence that may answer it.

    Attributes:
        attribute: The attribute it asks about.
        when: Required values, None for null.
        ask: Questions.
        answers: Answers; ``{evidence}`` is a list of clauses.
        evidence: Pairs of a (field, value) and the clause it allows; at least one must be true.
        support: The same, for evidence that is too weak on its own.
    """

    attribute: str
    when: Mapping[str, Value]
    ask: tuple[str, ...]
    answers: tuple[str, ...]
    evidence: tuple[tuple[tuple[str, Value], str], ...]
    support: tuple[tuple[tuple[str, Value], str], ...] = field(default=())
