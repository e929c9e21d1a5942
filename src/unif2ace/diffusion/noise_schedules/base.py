"""Base class of the noise schedules."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor


class NoiseSchedule(ABC):
    r"""The probability that a token is not corrupted, as a function of time; every method maps float (...) to (...).

    The total noise is :math:`\bar\sigma(t) = -\log\alpha_t` and the noise rate
    :math:`\sigma = \bar\sigma' = -\alpha'/\alpha` (SEDD, arXiv 2310.16834). The weight of the likelihood bound is
    :math:`w = -\alpha' / (1 - \alpha)` (MDLM, arXiv 2406.07524, eq. 10). All formulas are numerically stable at both
    ends. The weight may be infinite at t = 0, and sigma at t = 1.
    """

    @abstractmethod
    def alpha(self, t: Tensor) -> Tensor:
        """Probability in [0, 1] that a token is not corrupted at time t in [0, 1], float (...)."""

    @abstractmethod
    def sigma_bar(self, t: Tensor) -> Tensor:
        """Total noise, -log alpha, in [0, inf], float (...)."""

    @abstractmethod
    def sigma(self, t: Tensor) -> Tensor:
        """Noise rate, -alpha' / alpha, float (...)."""

    @abstractmethod
    def weight(self, t: Tensor) -> Tensor:
        """Weight of the likelihood bound, -alpha' / (1 - alpha), float (...)."""

    def masked(self, t: Tensor) -> Tensor:
        """Probability that a token is corrupted, 1 - alpha, without cancellation; float (...)."""
        return -torch.expm1(-self.sigma_bar(t))


def total_noise(alpha: Tensor, masked: Tensor) -> Tensor:
    """-log alpha, float (...), computed from the smaller of alpha and 1 - alpha, which is more precise."""
    return torch.where(masked < 0.5, -torch.log1p(-masked), -alpha.log())
