"""MaskGIT's cosine schedule, used by Show-o; the literature calls three different schedules "cosine"."""

from __future__ import annotations

from math import pi

import torch
from torch import Tensor

from unif2ace.diffusion.noise_schedules.base import NoiseSchedule, total_noise


class CosineMaskgitSchedule(NoiseSchedule):
    r""":math:`1 - \alpha_t = \cos(\pi u / 2)` with u = 1 - t (MaskGIT, arXiv 2202.04200, section 3.3).

    Hence :math:`\sigma = \frac\pi2 \cot\frac{\pi (1 - t)}4` and :math:`w = \frac\pi2 \cot\frac{\pi t}2`. At most times,
    most tokens are masked. All tokens are clean at t = 0 and masked at t = 1.
    """

    def alpha(self, t: Tensor) -> Tensor:
        """``1 - sin(pi t / 2)``, float (...)."""
        return 2 * torch.sin(pi / 4 * (1 - t)).square()

    def masked(self, t: Tensor) -> Tensor:
        """``sin(pi t / 2)``, float (...)."""
        return torch.sin(pi / 2 * t)

    def sigma_bar(self, t: Tensor) -> Tensor:
        """``-log(1 - sin(pi t / 2))``, float (...)."""
        return total_noise(self.alpha(t), self.masked(t))

    def sigma(self, t: Tensor) -> Tensor:
        """``pi / 2 cot(pi (1 - t) / 4)``, float (...)."""
        return pi / 2 / torch.tan(pi / 4 * (1 - t))

    def weight(self, t: Tensor) -> Tensor:
        """``pi / 2 cot(pi t / 2)``, float (...)."""
        return pi / 2 * torch.sin(pi / 2 * (1 - t)) / torch.sin(pi / 2 * t)
