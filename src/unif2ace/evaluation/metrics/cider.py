"""CIDEr-D of captions, with the data set's captions as references."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from unif2ace.evaluation.metrics.base import OutputMetric

if TYPE_CHECKING:
    from unif2ace.evaluation.eval_set import EvalSet
    from unif2ace.evaluation.outputs import Outputs
    from unif2ace.metrics.scores import Score


class CiderMetric(OutputMetric):
    """CIDEr-D of captions of the true faces; the reference is the data set's caption.

    The n-gram frequencies come from the evaluation set's captions: compare values only on the same set.
    """

    needs = frozenset({"captions"})

    def update(self, eval_set: EvalSet, outputs: Outputs) -> None:
        """Compares each caption with the data set's caption."""
        from unif2ace.metrics.scores.cider import cider_d

        texts = [outputs.caption(key) for key in eval_set.keys]
        scores = cider_d(texts, [[caption] for caption in eval_set.captions])
        self._scores = dict(zip(eval_set.keys, scores, strict=True))

    def compute(self) -> Mapping[str, Score]:
        """``cider``, the mean over captions, 0 to 10."""
        import torch

        from unif2ace.metrics.scores import bootstrap_mean

        values_S = torch.tensor(list(self._scores.values()), dtype=torch.float64)
        return {"cider": bootstrap_mean(values_S, self.setting.resamples, self.setting.seed)}

    def describe(self) -> Mapping[str, str]:
        """Range, and number of captions that the n-gram frequencies come from."""
        return {"cider": f"CIDEr-D, 0 to 10; n-gram frequencies of {len(self._scores)} captions"}

    def samples(self) -> Mapping[str, Mapping[str, float]]:
        """The score of each caption."""
        return {"cider": self._scores}
