"""The geometric schedule: total noise grows exponentially."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from unif2ace.diffusion.noise_schedules.base import NoiseSchedule
from unif2ace.errors import ConfigError


class GeometricSchedule(NoiseSchedule):
    r""":math:`\bar\sigma(t) = a^{1-t} b^t` (SEDD, arXiv 2310.16834).

    At t = 0 a token is already corrupted with probability of about a; at t = 1 it is not corrupted with probability
    e^-b. Unless a is tiny and b large, a likelihood bound therefore lacks the terms of both ends.

    Args:
        start: a, total noise at t = 0.
        end: b, total noise at t = 1.

    Raises:
        ConfigError: Unless 0 < start < end.
    """

    def __init__(self, start: float = 1e-4, end: float = 20.0) -> None:
        if not 0 < start < end:
            raise ConfigError(
                f"noise_schedule.start={start}, noise_schedule.end={end}: start must be above 0 and below end"
            )
        self.start, self.end = start, end
        self._growth = math.log(end / start)

    def alpha(self, t: Tensor) -> Tensor:
        """``exp(-sigma_bar)``, float (...)."""
        return torch.exp(-self.sigma_bar(t))

    def sigma_bar(self, t: Tensor) -> Tensor:
        """``a^(1-t) b^t``, float (...)."""
        return torch.exp((1 - t) * math.log(self.start) + t * math.log(self.end))

    def sigma(self, t: Tensor) -> Tensor:
        """``log(b / a) sigma_bar``, float (...)."""
        return self._growth * self.sigma_bar(t)

    def weight(self, t: Tensor) -> Tensor:
        """``log(b / a) sigma_bar / (exp(sigma_bar) - 1)``, float (...)."""
        return self.sigma(t) * self.alpha(t) / self.masked(t)
