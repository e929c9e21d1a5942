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
    """Accumulates over a split on all ranks, and computes named values.

    Samples that are not `batch.valid` are left out.

    Attributes:
        kinds: Kinds of networks that the metric supports; empty for all kinds.
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
        """Facts that make values comparable, by name of the value: feature extractor, weights, sizes."""
        return {}


def check_metrics(metrics: Mapping[str, Any], kinds: Sequence[str]) -> None:
    """Checks that metrics support a kind of network.

    Args:
        metrics: Metrics by name.
        kinds: The network's kind, such as ``tokenizer``, ``attributes`` or ``unified``, then the kinds of its base
            classes; empty for a network without a kind.

    Raises:
        ConfigError: If a metric does not support the network; the message names the supported kinds.
    """
    for name, metric in metrics.items():
        if not isinstance(metric, Metric):
            raise ConfigError(
                f"metric={name} scores outputs, not a validation pass: use it with `unif2ace-evaluate CKPT` of a "
                "unified model, or with `unif2ace-evaluate outputs=FOLDER`"
            )
        if kinds and isinstance(metric, StepMetric) and metric.kinds and metric.kinds.isdisjoint(kinds):
            raise ConfigError(
                f"metric={name} applies to networks of kind {', '.join(sorted(metric.kinds))}, not to kind "
                f"{kinds[0]}: remove it from metric=[...]"
            )
