"""Protocol of the graders, what they grade, and the grades."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from unif2ace.attributes import AttributeRecord
    from unif2ace.evaluation.graders.prompt import GradingPrompt
    from unif2ace.language.question import Question

Failure = Literal["malformed", "refusal", "error"]


@dataclass(frozen=True, slots=True)
class GradeItem:
    """What is graded.

    Attributes:
        key: Name of the item, different for each item.
        fields: Texts for the placeholders of the prompt, such as ``answer`` and ``reference``.
        image: PNG file of the graded picture; None if a text is graded.
        record: True attributes of the face, for graders that need no model.
        question: Question that a graded text answers; None for a description.
    """

    key: str
    fields: Mapping[str, str]
    image: bytes | None = None
    record: AttributeRecord | None = None
    question: Question | None = None


@dataclass(frozen=True, slots=True)
class Grade:
    """The grade of an item.

    Attributes:
        key: Name of the item.
        scores: As many numbers as the prompt asks for; empty if there is no grade.
        failure: Why there is none: ``malformed`` if the reply holds no score, ``refusal``, or ``error`` if there is no
            reply; None if there is one.
        text: The reply as it came, or the error.
    """

    key: str
    scores: tuple[float, ...] = ()
    failure: Failure | None = None
    text: str = ""


@dataclass(slots=True)
class Grades:
    """The grades of many items.

    Attributes:
        by_key: Grades by key of the item.
        usage: Plain values: what the grading cost.
    """

    by_key: dict[str, Grade]
    usage: dict[str, Any] = field(default_factory=dict)


class Grader(Protocol):
    """Whatever gives scores. The same items and prompt give the same grades, or those that were recorded."""

    @property
    def name(self) -> str:
        """Identifies the grader; reported with every score."""

    def check(self, metric: str, sees: bool) -> None:
        """Checks that it can grade, before any work.

        Args:
            metric: Name of the metric that asks.
            sees: Whether the grader must look at pictures.

        Raises:
            ConfigError: If it cannot.
        """

    def grade(self, items: Sequence[GradeItem], prompt: GradingPrompt) -> Grades:
        """Grades items.

        Raises:
            ConfigError: If no item can be graded.
            DataError: If a model keeps failing; grades so far are kept, if there is a file for them.
        """
