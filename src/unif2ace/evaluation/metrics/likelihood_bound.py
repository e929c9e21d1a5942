"""Bound on the negative log-likelihood of the true faces given their captions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from unif2ace.evaluation.metrics.base import OutputMetric

if TYPE_CHECKING:
    from unif2ace.evaluation.eval_set import EvalSet
    from unif2ace.evaluation.outputs import Outputs
    from unif2ace.metrics.scores import Score


class LikelihoodBoundMetric(OutputMetric):
    """Mean upper bound on the negative log-likelihood of image tokens, in nats per token; lower is better.

    Compare only systems with the same image tokenizer. See `unif2ace.diffusion.likelihood`.
    """

    needs = frozenset({"likelihoods"})

    def update(self, eval_set: EvalSet, outputs: Outputs) -> None:
        """Reads the bound of each true face."""
        rows = [outputs.likelihood(key) for key in eval_set.keys]
        self._nelbo = {key: float(row["nelbo"]) for key, row in zip(eval_set.keys, rows, strict=True)}
        self._draws = sorted({int(row.get("draws", 1)) for row in rows})
        self._tokenizer = sorted({str(row.get("tokenizer", "")) for row in rows})

    def compute(self) -> Mapping[str, Score]:
        """``likelihood_bound`` in nats per image token."""
        import torch

        from unif2ace.metrics.scores import bootstrap_mean

        values = torch.tensor(list(self._nelbo.values()), dtype=torch.float64)
        return {"likelihood_bound": bootstrap_mean(values, self.setting.resamples, self.setting.seed)}

    def samples(self) -> Mapping[str, Mapping[str, float]]:
        """The bound of each face."""
        return {"likelihood_bound": self._nelbo}

    def describe(self) -> Mapping[str, str]:
        """Unit, number of faces, and number of random (time, mask) pairs per face."""
        draws = ", ".join(map(str, self._draws))
        return {"likelihood_bound": f"nats per image token, {len(self._nelbo)} faces, {draws} draws of time and masks"}

    def conditions(self) -> Mapping[str, Any]:
        """The image tokenizer, and the number of (time, mask) pairs per face."""
        return {"tokenizer": self._tokenizer, "draws": self._draws}
