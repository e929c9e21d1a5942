"""Attributes of generated faces, scored as a graph of questions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from unif2ace.attributes import TAXONOMY
from unif2ace.engine.fingerprint import SHOWN
from unif2ace.evaluation.labels import labels_of
from unif2ace.evaluation.metrics.base import OutputMetric
from unif2ace.evaluation.predictions import predictions
from unif2ace.language.reading import read_text

if TYPE_CHECKING:
    from rich.table import Table
    from torch import Tensor

    from unif2ace.evaluation.eval_set import EvalSet
    from unif2ace.evaluation.outputs import Outputs
    from unif2ace.metrics.scores import Score

_HAIR = ("black_hair", "blond_hair", "brown_hair", "gray_hair", "long_hair", "straight_hair", "wavy_hair", "bangs")
_MOUTH = ("smile", "laugh", "frown", "mouth_open", "make_a_face", "lipstick", "moustache", "goatee")
_EYES = ("gaze", "glare", "eyes_closed", "bags_under_eyes")
PARENTS: Mapping[str, str] = {
    **dict.fromkeys(_HAIR, "bald"),
    **dict.fromkeys(_MOUTH, "mask"),
    **dict.fromkeys(_EYES, "sunglasses"),
}
"""Maps a label to the label that hides it. The parent question is whether the hiding label is absent."""


class AttributeGraphMetric(OutputMetric):
    """Fraction of a prompt's questions that its face answers correctly, as in DPG-Bench; the evaluator answers.

    There is a question for each label that the prompt states or denies. If the prompt states a label with a parent in
    `PARENTS` and does not mention the parent, a question asks whether the parent is absent. A question is wrong if its
    parent question is wrong.
    """

    needs = frozenset({"generated", "evaluator"})

    def update(self, eval_set: EvalSet, outputs: Outputs) -> None:
        """Answers the questions with the evaluator's predictions."""
        from unif2ace.metrics.scores.attribute_graph import attribute_graph, graph_parents

        labels = list(TAXONOMY.labels)
        parents = graph_parents(labels, PARENTS)
        self._asked = _with_parents(labels_of([read_text(prompt) for prompt in eval_set.prompts]), parents)
        seen_SA = predictions(self.setting.evaluator, eval_set, outputs).generated(eval_set.keys)
        how: dict[str, Any] = {"resamples": self.setting.resamples, "seed": self.setting.seed}
        self._found = attribute_graph(self._asked, seen_SA, parents, **how)
        self._keys = eval_set.keys

    def compute(self) -> Mapping[str, Score]:
        """``attribute_graph``, 0 to 1, and ``attribute_graph_flat``, the same score without the rule for parents."""
        return {"attribute_graph": self._found.score, "attribute_graph_flat": self._found.flat}

    def describe(self) -> Mapping[str, str]:
        """Number of questions, and the evaluator."""
        assert self.setting.evaluator is not None
        return {
            "attribute_graph": f"{self._found.questions} questions of {self._found.samples} prompts, evaluator "
            f"{self.setting.evaluator.fingerprint[:SHOWN]}; a child counts only if its parent is right",
            "attribute_graph_flat": "each question by itself",
        }

    def conditions(self) -> Mapping[str, Any]:
        """The evaluator."""
        assert self.setting.evaluator is not None
        return {"evaluator": self.setting.evaluator.fingerprint}

    def samples(self) -> Mapping[str, Mapping[str, float]]:
        """Fraction of each prompt's questions that are right."""
        asked_S = (self._asked >= 0).sum(1).tolist()
        right_S = self._found.right.sum(1).tolist()
        rows = zip(self._keys, right_S, asked_S, strict=True)
        return {"attribute_graph": {key: right / asked for key, right, asked in rows if asked}}

    def table(self) -> Mapping[str, Table]:
        """The ten labels whose questions are wrong most often."""
        from rich.table import Column, Table

        shown = Table("question", *(Column(name, justify="right") for name in ("right", "asked", "parent")))
        asked_A, right_A = (self._asked >= 0).sum(0).tolist(), self._found.right.sum(0).tolist()
        rows = [row for row in zip(TAXONOMY.labels, right_A, asked_A, strict=True) if row[2]]
        for name, right, asked in sorted(rows, key=lambda row: row[1] / row[2])[:10]:
            shown.add_row(name, f"{right / asked:.3f}", str(asked), f"no {PARENTS[name]}" if name in PARENTS else "")
        return {"attribute graph, the worst": shown}


def _with_parents(asked_SA: Tensor, parents: list[int | None]) -> Tensor:
    """Adds the parents of stated labels to the questions, int8 (S, A): 1 present?, 0 absent?, -1 not asked."""
    asked_SA = asked_SA.clone()
    for child, parent in enumerate(parents):
        if parent is not None:
            implied_S = (asked_SA[:, child] == 1) & (asked_SA[:, parent] == -1)
            asked_SA[implied_S, parent] = 0
    return asked_SA
