"""The log-linear schedule: linear, except that a fraction eps of the tokens is never corrupted."""

from __future__ import annotations

from torch import Tensor

from unif2ace.diffusion.noise_schedules.base import NoiseSchedule, total_noise
from unif2ace.errors import ConfigError


class LogLinearSchedule(NoiseSchedule):
    r""":math:`\alpha_t = 1 - (1 - \epsilon) t` (SEDD, arXiv 2310.16834; MDLM, arXiv 2406.07524).

    The weight is :math:`w = 1 / t` for every eps. At t = 1 a token is still clean with probability eps. With eps > 0
    rates stay finite, but the likelihood bound lacks the prior's term.

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
        """``1 - (1 - eps) t``, float (...)."""
        return (1 - t) + self.eps * t

    def masked(self, t: Tensor) -> Tensor:
        """``(1 - eps) t``, float (...)."""
        return (1 - self.eps) * t

    def sigma_bar(self, t: Tensor) -> Tensor:
        """``-log(1 - (1 - eps) t)``, float (...)."""
        return total_noise(self.alpha(t), self.masked(t))

    def sigma(self, t: Tensor) -> Tensor:
        """``(1 - eps) / (1 - (1 - eps) t)``, float (...)."""
        return (1 - self.eps) / self.alpha(t)

    def weight(self, t: Tensor) -> Tensor:
        """``1 / t``, float (...)."""
        return 1 / t
