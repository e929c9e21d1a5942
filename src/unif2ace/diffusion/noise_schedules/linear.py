"""The linear schedule: a token is lost at a uniform time."""

from __future__ import annotations

import torch
from torch import Tensor

from unif2ace.diffusion.noise_schedules.base import NoiseSchedule


class LinearSchedule(NoiseSchedule):
    r""":math:`\alpha_t = 1 - t`, hence :math:`\sigma = 1 / (1 - t)` and :math:`w = 1 / t`.

    Clean at 0 and all noise at 1, so a likelihood bound under it needs no further terms. It is `LogLinearSchedule`
    with eps = 0.
    """

    def alpha(self, t: Tensor) -> Tensor:
        """``1 - t``."""
        return 1 - t

    def masked(self, t: Tensor) -> Tensor:
        """``t``."""
        return t

    def sigma_bar(self, t: Tensor) -> Tensor:
        """``-log(1 - t)``."""
        return -torch.log1p(-t)

    def sigma(self, t: Tensor) -> Tensor:
        """``1 / (1 - t)``."""
        return 1 / (1 - t)

    def weight(self, t: Tensor) -> Tensor:
        """``1 / t``."""
        return 1 / t
