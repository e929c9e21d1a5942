"""What every sampler offers, and where its randomness comes from. B rows, N image tokens, K codes, P chosen places."""

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
"""Logits of the clean codes, float32 (B, N, K), from codes in [0, K] (B, N), K for masked, and times (B,)."""

OnStep = Callable[[int, Tensor], None]
"""Is shown the number of a step, from 0, and the codes after it, int64 (B, N), which it must not change."""


class RandomSource(Protocol):
    """Where a sampler's randomness comes from."""

    def uniform(self, number: int) -> Tensor:
        """float64 (B, number) in [0, 1)."""

    def categorical(self, probability: Tensor, where_BN: Tensor | None = None) -> Tensor:
        """int64 (B, N), one draw from each distribution of float (B, N, K), which need not add up to 1.

        With `where`, bool, distributions and rng are those of its P true places alone: (P, K) and (P,).
        """


class PerSampleRNG:
    """Randomness of each row by its own seed: a row's picture is the same in any batch.

    Args:
        seeds: One of each row.
        device: Of the tensors that are given.
    """

    def __init__(self, seeds: Sequence[int], device: torch.device | str = "cpu") -> None:
        self._generators = [np.random.default_rng(seed) for seed in seeds]
        self._device = device

    def uniform(self, number: int) -> Tensor:
        """float64 (B, number) in [0, 1)."""
        drawn = np.stack([g.random(number) for g in self._generators]) if self._generators else np.zeros((0, number))
        return torch.from_numpy(drawn).to(self._device)

    def categorical(self, probability: Tensor, where_BN: Tensor | None = None) -> Tensor:
        """int64 (B, N) or (P,); takes N numbers of every row, wherever it rng, so that no row moves another's."""
        number = probability.shape[1] if where_BN is None else where_BN.shape[1]
        uniform_BN = self.uniform(number).to(probability.device)
        if where_BN is not None:
            return invert(probability, uniform_BN[where_BN])
        return invert(probability.flatten(0, 1), uniform_BN.flatten()).view(uniform_BN.shape)


class CachedDenoiser:
    """A denoiser that is not called again while its answer is known.

    Args:
        denoise: The denoiser.
        timeless: Its answer depends on the codes alone, so only new codes are a new question.
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
        self._last = None  # frees the memory of the old answer
        logits_BNK = self._denoise(x_BN, t_B)
        self._last = (x_BN.clone(), t_B, logits_BNK)
        return logits_BNK


class Sampler(ABC):
    """Draws clean codes step by step. A known code is never changed, a masked one never returned."""

    @abstractmethod
    def sample(self, denoise: Denoise, x_BN: Tensor, rng: RandomSource, on_step: OnStep | None = None) -> Tensor:
        """Clean codes.

        Args:
            denoise: The network with its prompt; guidance and filters are already in it.
            x_BN: int64, codes in [0, K], K for those to draw.
            rng: Randomness.
            on_step: Is shown the codes after each step in which a code changed.

        Returns:
            int64 (B, N), codes in [0, K).
        """


def timesteps(steps: int) -> Tensor:
    """float64 (steps + 1,), times from 1 to 0 in equal steps.

    Raises:
        ConfigError: If there is no step.
    """
    if steps < 1:
        raise ConfigError(f"sampler.steps={steps}: give 1 or more")
    return 1 - torch.arange(steps + 1, dtype=torch.float64) / steps


def stay_masked_prob(noise_schedule: NoiseSchedule, t: Tensor, s: Tensor) -> Tensor:
    r"""Probability that a masked token is still masked after a step from time t back to s, in t's shape.

    It is :math:`(1 - \alpha_s) / (1 - \alpha_t)` (MDLM, arXiv 2406.07524, the reverse posterior), and 0 at s = 0, where
    the codes must be complete even under a noise schedule that ends with some noise.
    """
    return torch.where(s > 0, noise_schedule.masked(s) / noise_schedule.masked(t), 0.0).clamp(0, 1)
