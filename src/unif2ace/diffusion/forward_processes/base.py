"""What every corruption offers. G rows, N image tokens, K codes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal, get_args

import torch
from torch import Tensor

from unif2ace.diffusion.noise_schedules.base import NoiseSchedule
from unif2ace.errors import ConfigError
from unif2ace.types import CorruptedTokens

Masking = Literal["bernoulli", "fixed_count"]


class ForwardProcess(ABC):
    """Corrupts image codes.

    Args:
        noise_schedule: Of the noise.
        masking: ``bernoulli`` corrupts each token by itself with probability 1 - alpha_t, as likelihood bounds ask;
            ``fixed_count`` corrupts round(N (1 - alpha_t)) of the N tokens, at least one, as Show-o does.
        t_min: Times are drawn from [t_min, 1].

    Raises:
        ConfigError: If the masking is unknown or t_min is not in [0, 1).
    """

    name: str
    """Under which losses ask for it."""

    def __init__(self, noise_schedule: NoiseSchedule, masking: Masking = "bernoulli", t_min: float = 1e-3) -> None:
        if masking not in get_args(Masking):
            raise ConfigError(f"forward_process.masking={masking!r}: bernoulli or fixed_count")
        if not 0 <= t_min < 1:
            raise ConfigError(f"forward_process.t_min={t_min}: at least 0 and below 1")
        self.noise_schedule, self.masking, self.t_min = noise_schedule, masking, t_min

    @abstractmethod
    def replace(self, x0_GN: Tensor, chosen_GN: Tensor, uniform_GN: Tensor, num_codes: int) -> Tensor:
        """The codes with those `chosen` (bool) replaced by noise; `uniform` in [0, 1) is the noise's randomness."""

    def corrupt(self, row_G: Tensor, x0_GN: Tensor, uniform_GM: Tensor, num_codes: int) -> CorruptedTokens:
        """What the process makes of some pictures.

        Args:
            row_G: int64, their rows in the batch.
            x0_GN: int64, clean codes in [0, K).
            uniform_GM: float32 in [0, 1), M = 1 + 2 N numbers a row: for the time, for which tokens, for by what.
            num_codes: K.
        """
        n = x0_GN.shape[1]
        t_G, rank_GN, noise_GN = (
            self.times(uniform_GM[:, 0]),
            uniform_GM[:, 1 : 1 + n],
            uniform_GM[:, 1 + n : 1 + 2 * n],
        )
        chosen_GN = self.choose(self.noise_schedule.masked(t_G), rank_GN)
        xt_GN = self.replace(x0_GN, chosen_GN, noise_GN, num_codes)
        s = self.noise_schedule
        return CorruptedTokens(row_G, x0_GN, xt_GN, t_G, s.alpha(t_G), s.weight(t_G), s.sigma(t_G))

    def times(self, uniform: Tensor) -> Tensor:
        """Times in [t_min, 1] from numbers in [0, 1), of any shape."""
        return self.t_min + (1 - self.t_min) * uniform

    def choose(self, share_G: Tensor, rank_GN: Tensor) -> Tensor:
        """Which tokens are corrupted, bool (G, N).

        Args:
            share_G: Probability of each token, or, with ``masking=fixed_count``, share of the row.
            rank_GN: Numbers in [0, 1) that decide; the smallest are chosen.
        """
        if self.masking == "bernoulli":
            return rank_GN < share_G[:, None]
        number_G = (rank_GN.shape[1] * share_G).round().clamp(min=1)
        return rank_GN.argsort(1).argsort(1) < number_G[:, None]


def sample_uniforms(seed: int, index_B: Tensor, number: int) -> Tensor:
    """Random numbers of each row, keyed by a seed and the row's place in the run: the same on any number of ranks.

    Args:
        seed: Of the run.
        index_B: int64, places (`Batch.index`).
        number: How many a row.

    Returns:
        float32 (B, number) in [0, 1), on the device of `index`. The first of a row is low-discrepancy over consecutive
        places (steps of the golden ratio), which spreads the times of a batch evenly.
    """
    import numpy as np

    places = index_B.tolist()
    bits = [np.random.Generator(np.random.Philox(key=[seed, p])).random(number, dtype=np.float32) for p in places]
    start = np.random.Generator(np.random.Philox(key=[seed, 2**63])).random()
    drawn = np.stack(bits) if bits else np.zeros((0, number), np.float32)
    drawn[:, 0] = (start + np.asarray(places, np.float64) * 0.6180339887498949) % 1
    return torch.from_numpy(drawn).clamp(max=1 - 2**-24).to(index_B.device)
