"""Base class of the samplers, and their randomness.

Shapes: B samples, N image tokens, K codes, P selected positions.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from unif2ace.diffusion.categorical import invert
from unif2ace.diffusion.noise_schedules.base import NoiseSchedule
from unif2ace.errors import ConfigError

Denoise = Callable[[Tensor, Tensor], Tensor]
"""Maps codes (B, N) in [0, K], where K is the mask, and times (B,) to logits of the clean codes, float32 (B, N, K)."""

OnStep = Callable[[int, Tensor], None]
"""Callback after a step: receives the step's index, from 0, and the codes, int64 (B, N), which it must not modify."""


class RandomSource(Protocol):
    """Source of randomness of a sampler."""

    def uniform(self, number: int) -> Tensor:
        """float64 (B, number) in [0, 1)."""

    def categorical(self, probability: Tensor, where_BN: Tensor | None = None) -> Tensor:
        """One sample from each distribution, int64 (B, N); weights float (B, N, K) need not sum to 1.

        With `where_BN`, bool (B, N) with P true positions, `probability` is (P, K) and the result (P,).
        """


class PerSampleRNG:
    """One random generator per sample: an image does not depend on the batch it is sampled in.

    Args:
        seeds: One seed per sample.
        device: Device of the returned tensors.
    """

    def __init__(self, seeds: Sequence[int], device: torch.device | str = "cpu") -> None:
        self._generators = [np.random.default_rng(seed) for seed in seeds]
        self._device = device

    def uniform(self, number: int) -> Tensor:
        """float64 (B, number) in [0, 1)."""
        drawn = np.stack([g.random(number) for g in self._generators]) if self._generators else np.zeros((0, number))
        return torch.from_numpy(drawn).to(self._device)

    def categorical(self, probability: Tensor, where_BN: Tensor | None = None) -> Tensor:
        """int64 (B, N) or (P,), see `RandomSource.categorical`.

        Every call consumes N random values per sample, so a sample does not depend on the masks of other samples.
        """
        number = probability.shape[1] if where_BN is None else where_BN.shape[1]
        uniform_BN = self.uniform(number).to(probability.device)
        if where_BN is not None:
            return invert(probability, uniform_BN[where_BN])
        return invert(probability.flatten(0, 1), uniform_BN.flatten()).view(uniform_BN.shape)


class CachedDenoiser:
    """Reuses the logits (B, N, K) of the last call if the inputs have not changed.

    Args:
        denoise: The denoiser.
        timeless: Whether the denoiser ignores the time, so that only changed codes require a new call.
    """

    def __init__(self, denoise: Denoise, timeless: bool) -> None:
        self._denoise, self._timeless = denoise, timeless
        self._last: tuple[Tensor, Tensor, Tensor] | None = None

    def __call__(self, x_BN: Tensor, t_B: Tensor) -> Tensor:
        """Logits, float (B, N, K)."""
        if self._last is not None:
            codes_BN, time_B, logits_BNK = self._last
            if torch.equal(codes_BN, x_BN) and (self._timeless or torch.equal(time_B, t_B)):
                return logits_BNK
        self._last = None  # frees the memory of the old logits
        logits_BNK = self._denoise(x_BN, t_B)
        self._last = (x_BN.clone(), t_B, logits_BNK)
        return logits_BNK


class Sampler(ABC):
    """Samples clean codes (B, N) step by step. Known codes are never changed, and the result contains no mask."""

    @abstractmethod
    def sample(self, denoise: Denoise, x_BN: Tensor, rng: RandomSource, on_step: OnStep | None = None) -> Tensor:
        """Clean codes.

        Args:
            denoise: The network with its prompt, guidance and filters applied.
            x_BN: int64 (B, N), codes in [0, K], where K marks codes to sample.
            rng: Source of random numbers.
            on_step: Called after each step with its index and the codes; some samplers do not call it if no code has
                changed.

        Returns:
            int64 (B, N), codes in [0, K).
        """


def timesteps(steps: int) -> Tensor:
    """Times from 1 to 0 in equal steps, float64 (steps + 1,).

    Raises:
        ConfigError: If `steps` is below 1.
    """
    if steps < 1:
        raise ConfigError(f"sampler.steps={steps}: it must be 1 or more")
    return 1 - torch.arange(steps + 1, dtype=torch.float64) / steps


def stay_masked_prob(noise_schedule: NoiseSchedule, t: Tensor, s: Tensor) -> Tensor:
    r"""Probability that a masked token is still masked after a step from time t back to s, float (...).

    The probability is :math:`(1 - \alpha_s) / (1 - \alpha_t)` (reverse posterior of MDLM, arXiv 2406.07524). At s = 0
    it is 0, so that all codes are revealed even if the noise schedule has some noise left at s = 0.
    """
    return torch.where(s > 0, noise_schedule.masked(s) / noise_schedule.masked(t), 0.0).clamp(0, 1)
