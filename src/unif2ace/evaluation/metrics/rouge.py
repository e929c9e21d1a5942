"""ROUGE of captions, with the data set's captions as references."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from unif2ace.evaluation.metrics.base import OutputMetric

if TYPE_CHECKING:
    from unif2ace.evaluation.eval_set import EvalSet
    from unif2ace.evaluation.metrics.base import Setting
    from unif2ace.evaluation.outputs import Outputs
    from unif2ace.metrics.scores import Score


class RougeMetric(OutputMetric):
    """ROUGE-1, -2 and -L F1 of captions of the true faces; the reference is the data set's caption."""

    needs = frozenset({"captions"})

    def prepare(self, setting: Setting) -> None:
        """Checks that rouge-score is installed.

        Raises:
            ConfigError: If rouge-score is missing.
        """
        from unif2ace.metrics.scores.ngrams import rouge_scorer

        super().prepare(setting)
        rouge_scorer()

    def update(self, eval_set: EvalSet, outputs: Outputs) -> None:
        """Compares each caption with the data set's caption."""
        from unif2ace.metrics.scores.ngrams import rouge

        texts = [outputs.caption(key) for key in eval_set.keys]
        references = [[caption] for caption in eval_set.captions]
        self._found = rouge(texts, references, self.setting.resamples, self.setting.seed)

    def compute(self) -> Mapping[str, Score]:
        """``rouge_l``, ``rouge_1`` and ``rouge_2``, 0 to 1."""
        return {f"rouge_{name}": self._found[f"rouge{name.upper()}"] for name in ("l", "1", "2")}

    def describe(self) -> Mapping[str, str]:
        """The package, its options and the references."""
        return {"rouge_l": "F1 by rouge-score with stemming; the data set's captions as references"}
