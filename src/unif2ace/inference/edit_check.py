"""Asks the model whether an edit is visible in an image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from unif2ace.attributes import TAXONOMY, AttributeRecord
from unif2ace.language.facts import Value
from unif2ace.language.question import Question
from unif2ace.language.questions import ask_questions
from unif2ace.language.replies import read_answer

if TYPE_CHECKING:
    from torch import Tensor


_ATTEMPTS: Final = 4  # the grammar asks about some values with some seeds only


class Check(NamedTuple):
    """A question about an edited face, and the reply that confirms the edit: ``yes``, ``no`` or a value."""

    question: Question
    wanted: str


class Answers(Protocol):
    """Interface of a model that answers questions."""

    def ask(self, images: Tensor, questions: list[str]) -> list[str]:
        """Answers one question about each image, uint8 (B, 3, H, W)."""


def checks(values: Mapping[str, Value], seed: int = 0) -> list[Check]:
    """One question for each requested value. Values that the grammar cannot ask about are left out.

    Args:
        values: Requested values, by field or by denied label.
        seed: Seed for the choice of wordings.
    """
    tried = ((_check(name, value, seed + again) for again in range(_ATTEMPTS)) for name, value in values.items())
    return [check for some in tried if (check := next(filter(None, some), None))]


def _check(name: str, value: Value, seed: int) -> Check | None:
    """A question whose answer is "yes" or the value if the value is visible; for a denied label "no" is wanted."""
    field = _field(name)
    state: dict[str, Value] = {name: True} if isinstance(value, bool) else {name: value}
    if required := TAXONOMY.fields[field].requires:
        state[required] = True
    asked = (
        q for q in ask_questions(AttributeRecord(state), seed, count=6) if q.attribute and _field(q.attribute) == field
    )
    replies = [Check(q, wanted) for q in asked if (wanted := read_answer(q, q.answer).value)]
    kinds = {"yes_no": ("yes",)} if isinstance(value, bool) else {"which": (str(value),), "yes_no": ("yes",)}
    fitting = [c for kind, wanted in kinds.items() for c in replies if c.question.kind == kind and c.wanted in wanted]
    if not fitting:
        return None
    return Check(fitting[0].question, "no") if value is False else fitting[0]


def _field(name: str) -> str:
    return TAXONOMY.labels[name].field if name in TAXONOMY.labels else name


def shows(model: Answers, images: Tensor, wanted: Sequence[Sequence[Check]]) -> list[bool]:
    """Whether the model gives the wanted reply to every question about each image.

    Args:
        model: The model.
        images: B images, uint8 (B, 3, H, W).
        wanted: Questions and wanted replies for each image.
    """
    right = [True] * len(images)
    asked = [(place, check) for place, some in enumerate(wanted) for check in some]
    if asked:
        answers = model.ask(images[[place for place, _ in asked]], [check.question.question for _, check in asked])
        for (place, check), answer in zip(asked, answers, strict=True):
            right[place] &= read_answer(check.question, answer).value == check.wanted
    return right
