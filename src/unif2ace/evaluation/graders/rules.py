"""A grader that compares texts with the known attributes and needs no model."""

from __future__ import annotations

from collections.abc import Sequence

from unif2ace.attributes import TAXONOMY
from unif2ace.errors import ConfigError
from unif2ace.evaluation.graders.base import Grade, GradeItem, Grades
from unif2ace.evaluation.graders.prompt import GradingPrompt
from unif2ace.evaluation.labels import labels_of
from unif2ace.language.reading import read_text
from unif2ace.language.replies import read_answer


class RuleGrader:
    """Scores the attributes that a text states. Deterministic and offline.

    A description gets the F1 of its stated labels against the true labels of the record. An answer gets 1 if it agrees
    with the true answer, else 0. The result s becomes minimum + s (maximum - minimum), the scale of the prompt.
    """

    name = "rules"

    def check(self, metric: str, sees: bool) -> None:
        """Raises an error if the items are pictures.

        Raises:
            ConfigError: If `sees` is True.
        """
        if sees:
            raise ConfigError(
                f"metric={metric} grades pictures, which grader=rules cannot see: select grader=language_model, or "
                "metric=agreement, which needs no language model"
            )

    def grade(self, items: Sequence[GradeItem], prompt: GradingPrompt) -> Grades:
        """Grades texts; see `Grader.grade`."""
        return Grades({item.key: self._grade(item, prompt) for item in items})

    def _grade(self, item: GradeItem, prompt: GradingPrompt) -> Grade:
        texts = [item.fields["reference"], item.fields["answer"]][-prompt.scores :]
        shares = [_right(item, text) for text in texts]
        span = prompt.maximum - prompt.minimum
        return Grade(item.key, tuple(prompt.minimum + span * share for share in shares), text="rules")


def _right(item: GradeItem, text: str) -> float:
    if item.question is not None:
        return float(read_answer(item.question, text).agrees(read_answer(item.question, item.fields["reference"])))
    assert item.record is not None
    found = labels_of([read_text(text)])[0].tolist()
    stated = {name for name, value in zip(TAXONOMY.labels, found, strict=True) if value == 1}
    labels = item.record.labels
    true = {name for name, value in labels.items() if value}
    checked = {name for name in stated if labels[name] is not None}
    return 2 * len(checked & true) / max(1, len(checked) + len(true))
