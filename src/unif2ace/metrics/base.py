"""What every metric is: a torchmetrics Metric that reads a `StepOutput`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from torch import Tensor
from torchmetrics import Metric

from unif2ace.types import StepOutput


class StepMetric(Metric, ABC):
    """Gathers over a split, on all ranks, and gives named values.

    Rows that are not `batch.valid` are left out.
    """

    full_state_update = False

    @abstractmethod
    def update(self, step: StepOutput) -> None:
        """Takes in one forward pass."""

    @abstractmethod
    def compute(self) -> Mapping[str, Tensor]:
        """The values by name, float () each, such as ``{"psnr": ...}``; they are logged as ``val/NAME``."""

    def describe(self) -> Mapping[str, str]:
        """What belongs beside the values so that they can be compared: extractor, weights, sizes."""
        return {}
