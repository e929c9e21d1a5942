"""The linear schedule: each token is corrupted at a uniformly distributed time."""

from __future__ import annotations

import torch
from torch import Tensor

from unif2ace.diffusion.noise_schedules.base import NoiseSchedule


class LinearSchedule(NoiseSchedule):
    r""":math:`\alpha_t = 1 - t`, hence :math:`\sigma = 1 / (1 - t)` and :math:`w = 1 / t`.

    All tokens are clean at t = 0 and corrupted at t = 1, so a likelihood bound needs no further terms.
    `LogLinearSchedule` with eps = 0 is the same schedule.
    """

    def alpha(self, t: Tensor) -> Tensor:
        """``1 - t``, float (...)."""
        return 1 - t

    def masked(self, t: Tensor) -> Tensor:
        """``t``, float (...)."""
        return t

    def sigma_bar(self, t: Tensor) -> Tensor:
        """``-log(1 - t)``, float (...)."""
        return -torch.log1p(-t)

    def sigma(self, t: Tensor) -> Tensor:
        """``1 / (1 - t)``, float (...)."""
        return 1 / (1 - t)

    def weight(self, t: Tensor) -> Tensor:
        """``1 / t``, float (...)."""
        return 1 / t
