"""Base class of the forward processes. Shapes: G samples, N image tokens, K codes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal, get_args

from torch import Tensor

from unif2ace.diffusion.noise import SampleNoise
from unif2ace.diffusion.noise_schedules.base import NoiseSchedule
from unif2ace.errors import ConfigError
from unif2ace.types import CorruptedTokens

Masking = Literal["bernoulli", "fixed_count"]


class ForwardProcess(ABC):
    """Corrupts image codes.

    Args:
        noise_schedule: The noise schedule.
        masking: ``bernoulli`` corrupts each token independently with probability 1 - alpha_t, as likelihood bounds
            require; ``fixed_count`` corrupts round(N (1 - alpha_t)) of the N tokens, at least one, as Show-o does.
        t_min: Smallest time, in [0, 1); times are sampled from [t_min, 1].

    Raises:
        ConfigError: If the masking is unknown or t_min is not in [0, 1).
    """

    name: str
    """Value of ``forward_process`` in the configuration; losses list the processes that they support by this name."""

    def __init__(self, noise_schedule: NoiseSchedule, masking: Masking = "bernoulli", t_min: float = 1e-3) -> None:
        if masking not in get_args(Masking):
            raise ConfigError(f"forward_process.masking={masking!r}: it must be bernoulli or fixed_count")
        if not 0 <= t_min < 1:
            raise ConfigError(f"forward_process.t_min={t_min}: it must be at least 0 and below 1")
        self.noise_schedule, self.masking, self.t_min = noise_schedule, masking, t_min

    @abstractmethod
    def replace(self, x0_GN: Tensor, chosen_GN: Tensor, uniform_GN: Tensor, num_codes: int) -> Tensor:
        """Codes (G, N) in which the codes selected by `chosen_GN` are replaced by noise.

        Args:
            x0_GN: int64 (G, N), clean codes in [0, K).
            chosen_GN: bool (G, N), codes to replace.
            uniform_GN: float (G, N), uniform random numbers in [0, 1) that determine the noise.
            num_codes: K.
        """

    def corrupt(self, sample_G: Tensor, x0_GN: Tensor, noise: SampleNoise, num_codes: int) -> CorruptedTokens:
        """Corrupts the codes of T2I samples.

        Args:
            sample_G: int64 (G,), indices of the samples in the batch.
            x0_GN: int64 (G, N), clean codes in [0, K).
            noise: Noise of these G samples.
            num_codes: K.
        """
        t_G, s = self.times(noise.time), self.noise_schedule
        chosen_GN = self.choose(s.masked(t_G), noise.choice)
        xt_GN = self.replace(x0_GN, chosen_GN, noise.replacement, num_codes)
        return CorruptedTokens(sample_G, x0_GN, xt_GN, t_G, s.alpha(t_G), s.weight(t_G), s.sigma(t_G))

    def times(self, uniform: Tensor) -> Tensor:
        """Maps uniform values in [0, 1) to times in [t_min, 1], float (...)."""
        return self.t_min + (1 - self.t_min) * uniform

    def choose(self, share_G: Tensor, rank_GN: Tensor) -> Tensor:
        """Tokens to corrupt, bool (G, N).

        Args:
            share_G: float (G,), probability to corrupt each token; with ``masking=fixed_count`` the fraction of the N
                tokens.
            rank_GN: float (G, N) in [0, 1), random priorities; tokens with the smallest values are chosen.
        """
        if self.masking == "bernoulli":
            return rank_GN < share_G[:, None]
        number_G = (rank_GN.shape[1] * share_G).round().clamp(min=1)
        return rank_GN.argsort(1).argsort(1) < number_G[:, None]
