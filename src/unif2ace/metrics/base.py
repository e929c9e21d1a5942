"""Base class of metrics: a torchmetrics Metric that reads a `StepOutput`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from torch import Tensor
from torchmetrics import Metric

from unif2ace.errors import ConfigError
from unif2ace.types import StepOutput


class StepMetric(Metric, ABC):
    """Accumulates over a split, on all ranks, and returns named values.

    Samples that are not `batch.valid` are left out.

    Attributes:
        kinds: Kinds of networks whose steps hold what the metric reads; empty for any.
    """

    full_state_update = False
    kinds: ClassVar[frozenset[str]] = frozenset()

    @abstractmethod
    def update(self, step: StepOutput) -> None:
        """Adds one forward pass."""

    @abstractmethod
    def compute(self) -> Mapping[str, Tensor]:
        """The values by name, float () each, such as ``{"psnr": ...}``. They are logged as ``val/NAME``."""

    def describe(self) -> Mapping[str, str]:
        """What a reader needs to compare the values: feature extractor, weights, sizes."""
        return {}


def check_metrics(metrics: Mapping[str, Any], kinds: Sequence[str]) -> None:
    """Checks that metrics read what a network of a kind computes in a validation step.

    Args:
        metrics: Metrics by name.
        kinds: The kind, such as ``tokenizer``, ``attributes`` or ``unified``, and those of base classes; empty for a
            network of no kind.

    Raises:
        ConfigError: If one does not; the message says what it applies to.
    """
    for name, metric in metrics.items():
        if not isinstance(metric, Metric):
            raise ConfigError(
                f"metric={name} scores the outputs of a system, not a validation pass: it applies to "
                "`unif2ace-evaluate CKPT` of a unified model, and to `unif2ace-evaluate outputs=FOLDER`"
            )
        if kinds and isinstance(metric, StepMetric) and metric.kinds and metric.kinds.isdisjoint(kinds):
            raise ConfigError(
                f"metric={name} applies to networks of kind {', '.join(sorted(metric.kinds))}: a step of kind "
                f"{kinds[0]} does not hold what it reads"
            )
