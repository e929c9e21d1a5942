"""The random values of a training step, by name: the same for a sample under any number of ranks.

Shapes: B samples, N image tokens.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum

import numpy as np
import torch
from torch import Tensor

GOLDEN_RATIO = 0.6180339887498949


class Stream(IntEnum):
    """Independent streams of noise, added to the seed: no two of them may share their values."""

    TRAIN = 0
    VALIDATION = 1
    NELBO = 2


@dataclass(frozen=True, slots=True)
class SampleNoise:
    """Uniform values in [0, 1) of each sample.

    Attributes:
        time: float32 (B,), for the time.
        choice: float32 (B, N), for which tokens are corrupted.
        replacement: float32 (B, N), for what replaces them.
        visual_dropout: float32 (B,), for leaving out the features of the visual encoders.
        guidance_dropout: float32 (B,), for leaving out the caption.
    """

    time: Tensor
    choice: Tensor
    replacement: Tensor
    visual_dropout: Tensor
    guidance_dropout: Tensor

    def __getitem__(self, samples: Tensor) -> SampleNoise:
        """The noise of some samples, int64 indices or bool (B,)."""
        return SampleNoise(*(getattr(self, f.name)[samples] for f in fields(self)))

    @classmethod
    def split(cls, uniform_BM: Tensor) -> SampleNoise:
        """Names the columns of uniform values, float (B, 3 + 2 N)."""
        n = (uniform_BM.shape[1] - 3) // 2
        time_B1, choice_BN, replacement_BN, visual_B1, guidance_B1 = torch.split(uniform_BM, [1, n, n, 1, 1], 1)
        return cls(time_B1[:, 0], choice_BN, replacement_BN, visual_B1[:, 0], guidance_B1[:, 0])

    @classmethod
    def draw(cls, seed: int, stream: Stream, index_B: Tensor, num_tokens: int) -> SampleNoise:
        """The noise of some samples, on the device of their indices.

        Args:
            seed: Of the run.
            stream: What it is for.
            index_B: int64, positions of the samples in the run's global order (`Batch.index`).
            num_tokens: N.
        """
        return cls.split(sample_uniforms(seed + stream, index_B, 3 + 2 * num_tokens))


def sample_uniforms(seed: int, index_B: Tensor, number: int) -> Tensor:
    """Random values of each sample, keyed by a seed and the sample's index: the same on any number of ranks.

    Args:
        seed: Key, together with the index.
        index_B: int64, indices of the samples (`Batch.index`).
        number: Values of each sample.

    Returns:
        float32 (B, number) in [0, 1), on the device of the indices. The first value of a sample is low-discrepancy over
        consecutive indices (steps of the golden ratio), which spreads the times of a batch evenly.
    """
    indices = index_B.tolist()
    bits = [np.random.Generator(np.random.Philox(key=[seed, i])).random(number, dtype=np.float32) for i in indices]
    start = np.random.Generator(np.random.Philox(key=[seed, 2**63])).random()
    values = np.stack(bits) if bits else np.zeros((0, number), np.float32)
    values[:, 0] = (start + np.asarray(indices, np.float64) * GOLDEN_RATIO) % 1
    return torch.from_numpy(values).clamp(max=1 - 2**-24).to(index_B.device)
