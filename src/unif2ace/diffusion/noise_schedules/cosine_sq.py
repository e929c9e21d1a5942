"""The squared-cosine schedule: symmetric, with half of the tokens masked at t = 1/2."""

from __future__ import annotations

from math import pi

import torch
from torch import Tensor

from unif2ace.diffusion.noise_schedules.base import NoiseSchedule, total_noise
from unif2ace.errors import ConfigError


class CosineSqSchedule(NoiseSchedule):
    r""":math:`\alpha_t = \epsilon + (1 - \epsilon) \cos^2(\pi t / 2)` (``cosinesqr`` of MDLM's code, arXiv 2406.07524).

    The weight is :math:`w = \pi \cot\frac{\pi t}2` for every eps.

    Args:
        eps: Probability that a token is not corrupted at t = 1, in [0, 1).

    Raises:
        ConfigError: If eps is out of range.
    """

    def __init__(self, eps: float = 1e-3) -> None:
        if not 0 <= eps < 1:
            raise ConfigError(f"noise_schedule.eps={eps}: it must be at least 0 and below 1")
        self.eps = eps

    def alpha(self, t: Tensor) -> Tensor:
        """``eps + (1 - eps) cos^2(pi t / 2)``, float (...)."""
        return self.eps + (1 - self.eps) * torch.sin(pi / 2 * (1 - t)).square()

    def masked(self, t: Tensor) -> Tensor:
        """``(1 - eps) sin^2(pi t / 2)``, float (...)."""
        return (1 - self.eps) * torch.sin(pi / 2 * t).square()

    def sigma_bar(self, t: Tensor) -> Tensor:
        """``-log alpha``, float (...)."""
        return total_noise(self.alpha(t), self.masked(t))

    def sigma(self, t: Tensor) -> Tensor:
        """``(1 - eps) pi sin(pi t / 2) cos(pi t / 2) / alpha``, float (...)."""
        cosine = torch.sin(pi / 2 * (1 - t)).clamp(min=1e-30)  # cancels: avoids 0 / 0 for eps = 0 at t = 1
        return (1 - self.eps) * pi * torch.sin(pi / 2 * t) / (self.eps / cosine + (1 - self.eps) * cosine)

    def weight(self, t: Tensor) -> Tensor:
        """``pi cot(pi t / 2)``, float (...)."""
        return pi * torch.sin(pi / 2 * (1 - t)) / torch.sin(pi / 2 * t)
