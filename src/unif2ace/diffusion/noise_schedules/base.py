"""What every noise schedule offers."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor


class NoiseSchedule(ABC):
    r"""The probability that a token is untouched, as a function of time; float tensors of any shape in and out.

    With :math:`\bar\sigma(t) = -\log\alpha_t` (SEDD, arXiv 2310.16834): :math:`\sigma = \bar\sigma' =
    -\alpha'/\alpha`, and the weight of the likelihood bound is :math:`w = -\alpha' / (1 - \alpha)` (MDLM, arXiv
    2406.07524, eq. 10). Every formula is a closed form that is stable at both ends; at t = 0 the weight, and at t = 1
    the rate, may be infinite.
    """

    @abstractmethod
    def alpha(self, t: Tensor) -> Tensor:
        """Probability in [0, 1] that a token is untouched at time t in [0, 1]."""

    @abstractmethod
    def sigma_bar(self, t: Tensor) -> Tensor:
        """Total noise, -log alpha, in [0, inf]."""

    @abstractmethod
    def sigma(self, t: Tensor) -> Tensor:
        """Rate of the noise, -alpha' / alpha."""

    @abstractmethod
    def weight(self, t: Tensor) -> Tensor:
        """Weight of the likelihood bound, -alpha' / (1 - alpha)."""

    def masked(self, t: Tensor) -> Tensor:
        """Probability of being corrupted, 1 - alpha, without cancellation."""
        return -torch.expm1(-self.sigma_bar(t))


def total_noise(alpha: Tensor, masked: Tensor) -> Tensor:
    """-log alpha, from whichever of alpha and 1 - alpha is the smaller and so has more digits."""
    return torch.where(masked < 0.5, -torch.log1p(-masked), -alpha.log())
