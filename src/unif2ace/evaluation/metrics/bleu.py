"""BLEU of captions, with the data set's captions as references."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from unif2ace.evaluation.metrics.base import OutputMetric

if TYPE_CHECKING:
    from unif2ace.evaluation.eval_set import EvalSet
    from unif2ace.evaluation.metrics.base import Setting
    from unif2ace.evaluation.outputs import Outputs
    from unif2ace.metrics.scores import Score

ORDERS = (4, 1, 2, 3)


class BleuMetric(OutputMetric):
    """Corpus BLEU-1 to BLEU-4 of captions of the true faces, by sacrebleu; the reference is the data set's caption."""

    needs = frozenset({"captions"})

    def prepare(self, setting: Setting) -> None:
        """Checks that sacrebleu is installed.

        Raises:
            ConfigError: If sacrebleu is missing.
        """
        from unif2ace.metrics.scores.ngrams import sacrebleu

        super().prepare(setting)
        sacrebleu()

    def update(self, eval_set: EvalSet, outputs: Outputs) -> None:
        """Compares each caption with the data set's caption."""
        from unif2ace.metrics.scores.ngrams import bleu

        texts = [outputs.caption(key) for key in eval_set.keys]
        references = [[caption] for caption in eval_set.captions]
        how: dict[str, Any] = {"resamples": self.setting.resamples, "seed": self.setting.seed}
        self._found = {order: bleu(texts, references, order, **how) for order in ORDERS}

    def compute(self) -> Mapping[str, Score]:
        """``bleu`` (BLEU-4) and ``bleu_1`` to ``bleu_3``, 0 to 100."""
        return {"bleu" if order == ORDERS[0] else f"bleu_{order}": one.score for order, one in self._found.items()}

    def describe(self) -> Mapping[str, str]:
        """Signature of sacrebleu, which names its version and settings."""
        return {"bleu": self._found[ORDERS[0]].signature}

    def conditions(self) -> Mapping[str, Any]:
        """Signature of sacrebleu, which names its version and settings."""
        return {"signature": self._found[ORDERS[0]].signature}
