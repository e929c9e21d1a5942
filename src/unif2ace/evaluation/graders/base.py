"""Protocol of the graders, and the types of items and grades."""

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
    """A text or picture to grade.

    Attributes:
        key: Unique name of the item.
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
        scores: The scores, as many as the prompt asks for; empty if grading failed.
        failure: Cause of the failure: ``malformed`` (no valid scores in the reply), ``refusal`` or ``error`` (no
            reply); None if there are scores.
        text: The unchanged reply, or the error.
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
        usage: Numbers of requests and tokens; empty for a grader without a model.
    """

    by_key: dict[str, Grade]
    usage: dict[str, Any] = field(default_factory=dict)


class Grader(Protocol):
    """Interface of graders. Equal items and prompts must get equal grades, for example from recorded replies."""

    @property
    def name(self) -> str:
        """Name of the grader and its model; reported with every score."""

    def check(self, metric: str, sees: bool) -> None:
        """Checks that the grader can grade, before any output is made.

        Args:
            metric: Name of the metric that uses the grader.
            sees: Whether the items are pictures.

        Raises:
            ConfigError: If the grader cannot grade such items.
        """

    def grade(self, items: Sequence[GradeItem], prompt: GradingPrompt) -> Grades:
        """Grades items.

        Raises:
            ConfigError: If no item can be graded.
            DataError: If a model fails repeatedly. Replies so far are in the grader's cache file, if it has one.
        """
