"""The kinds of questions, as data that theme files fill in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from unif2ace.language.facts import Value


@dataclass(frozen=True, slots=True)
class YesNo:
    """A question about one label or boolean field.

    Attributes:
        ask: Questions, without the question mark.
        yes: Answers where it holds, after "Yes, ".
        no: Answers where it does not, after "No, ".
        instead: Further such answers that name the value of the label's field, if that is known.
        neutral: Whether to ask about "the person", since "he" or "she" would hint at the answer.
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
    """Things of one group that can be counted.

    Attributes:
        items: What is counted, each with the fields of which one must be true.
        some: Questions about a given list, ``{items}``.
        every: Questions about all of them at once; empty if the words for that would be vague.
    """

    items: Mapping[str, tuple[str, ...]]
    some: tuple[str, ...]
    every: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reason:
    """A question that asks why, and the visible evidence that may answer it.

    Attributes:
        attribute: What it is about.
        when: The values it needs, None for null.
        ask: Questions.
        answers: Answers; ``{evidence}`` is a list of clauses.
        evidence: Pairs of a (field, value) and the clause that it allows; at least one of them must hold.
        support: The same, for evidence that is too weak to stand alone.
    """

    attribute: str
    when: Mapping[str, Value]
    ask: tuple[str, ...]
    answers: tuple[str, ...]
    evidence: tuple[tuple[tuple[str, Value], str], ...]
    support: tuple[tuple[tuple[str, Value], str], ...] = field(default=())
