"""Distances between the distributions of generated and real faces."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from unif2ace.errors import ConfigError
from unif2ace.evaluation.features import generated_features, load_extractor, real_features
from unif2ace.evaluation.metrics.base import OutputMetric

if TYPE_CHECKING:
    from unif2ace.evaluation.eval_set import EvalSet
    from unif2ace.evaluation.metrics.base import Setting
    from unif2ace.evaluation.outputs import Outputs
    from unif2ace.metrics.scores import Score


class DistributionMetric(OutputMetric):
    """Frechet distance, kernel distance, precision and recall of the first face of each prompt.

    All are computed on an extractor's features. With Inception they are FID, KID and improved precision and recall as
    in torch-fidelity.

    Args:
        extractor: Builds the feature extractor.
        neighbours: k of the k-nearest-neighbour radii in precision and recall, at least 1.
        resamples: Bootstrap resamples for the intervals of both distances; at most ``scores.resamples`` are used.

    Raises:
        ConfigError: If `neighbours` or `resamples` is out of range.
    """

    needs = frozenset({"generated", "real"})

    def __init__(self, extractor: Callable[[], Any] | None = None, neighbours: int = 3, resamples: int = 100) -> None:
        if neighbours < 1 or resamples < 0:
            raise ConfigError(
                f"metric.distribution.neighbours={neighbours}, metric.distribution.resamples={resamples}: "
                "neighbours must be 1 or more, and resamples 0 or more"
            )
        self._make, self._neighbours, self._resamples = extractor, neighbours, resamples

    def prepare(self, setting: Setting) -> None:
        """Loads the extractor.

        Raises:
            ConfigError: If its weights or package are missing.
        """
        super().prepare(setting)
        self._extractor = load_extractor(self._make, "distribution", setting.device)

    def update(self, eval_set: EvalSet, outputs: Outputs) -> None:
        """Compares the generated faces with the reference pictures."""
        from unif2ace.metrics.scores.distributions import frechet, kernel, precision_recall

        setting = self.setting
        made_SD = generated_features(eval_set, outputs, self._extractor, setting)
        real_ND = real_features(setting.real, eval_set, outputs, self._extractor, setting)
        self._made, self._real = len(made_SD), len(real_ND)
        few = {"resamples": min(self._resamples, setting.resamples), "seed": setting.seed}
        shares = precision_recall(made_SD, real_ND, self._neighbours, setting.resamples, setting.seed)
        self._values = {
            "distribution_frechet": frechet(made_SD, real_ND, **few),
            "distribution_kernel": kernel(made_SD, real_ND, **few),
            "distribution_precision": shares.precision,
            "distribution_recall": shares.recall,
        }

    def compute(self) -> Mapping[str, Score]:
        """``distribution_frechet``, ``_kernel`` (lower is better), ``_precision``, ``_recall`` (higher is better)."""
        return self._values

    def describe(self) -> Mapping[str, str]:
        """Extractor, numbers of pictures, and neighbours."""
        name = self._extractor.name
        return {
            "distribution_frechet": f"{name}; {self._made} generated, {self._real} real; biased by few pictures",
            "distribution_kernel": f"{name}; unbiased, all pairs",
            "distribution_precision": f"{name}; {self._neighbours} neighbours",
            "distribution_recall": f"{name}; {self._neighbours} neighbours",
        }

    def conditions(self) -> Mapping[str, Any]:
        """Extractor and its resize, reference pictures, numbers of pictures, and neighbours."""
        real = self.setting.real
        return {
            "extractor": self._extractor.name,
            "real": real.name if real else "the evaluation set",
            "pictures": [self._made, self._real],
            "neighbours": self._neighbours,
        }
