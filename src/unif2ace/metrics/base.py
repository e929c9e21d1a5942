"""Base class of metrics: a torchmetrics Metric that reads a `StepOutput`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from torch import Tensor
from torchmetrics import Metric

from unif2ace.types import StepOutput


class StepMetric(Metric, ABC):
    """Accumulates over a split, on all ranks, and returns named values.

    Samples that are not `batch.valid` are left out.
    """

    full_state_update = False

    @abstractmethod
    def update(self, step: StepOutput) -> None:
        """Adds one forward pass."""

    @abstractmethod
    def compute(self) -> Mapping[str, Tensor]:
        """The values by name, float () each, such as ``{"psnr": ...}``. They are logged as ``val/NAME``."""

    def describe(self) -> Mapping[str, str]:
        """What a reader needs to compare the values: feature extractor, weights, sizes."""
        return {}
