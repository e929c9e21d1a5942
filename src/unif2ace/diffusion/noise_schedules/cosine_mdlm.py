"""MDLM's cosine schedule: unlike in MaskGIT's cosine schedule, few tokens are masked at most times."""

from __future__ import annotations

from math import pi

import torch
from torch import Tensor

from unif2ace.diffusion.noise_schedules.base import NoiseSchedule, total_noise
from unif2ace.errors import ConfigError


class CosineMdlmSchedule(NoiseSchedule):
    r""":math:`\alpha_t = \epsilon + (1 - \epsilon) \cos(\pi t / 2)` (``cosine`` of MDLM's code, arXiv 2406.07524).

    The weight is :math:`w = \frac\pi2 \cot\frac{\pi t}4` for every eps.

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
        """``eps + (1 - eps) cos(pi t / 2)``, float (...)."""
        return self.eps + (1 - self.eps) * torch.sin(pi / 2 * (1 - t))

    def masked(self, t: Tensor) -> Tensor:
        """``(1 - eps) (1 - cos(pi t / 2))``, float (...)."""
        return (1 - self.eps) * 2 * torch.sin(pi / 4 * t).square()

    def sigma_bar(self, t: Tensor) -> Tensor:
        """``-log alpha``, float (...)."""
        return total_noise(self.alpha(t), self.masked(t))

    def sigma(self, t: Tensor) -> Tensor:
        """``(1 - eps) pi / 2 sin(pi t / 2) / alpha``, float (...)."""
        return (1 - self.eps) * pi / 2 * torch.sin(pi / 2 * t) / self.alpha(t)

    def weight(self, t: Tensor) -> Tensor:
        """``pi / 2 cot(pi t / 4)``, float (...)."""
        return pi / 2 / torch.tan(pi / 4 * t)
