"""The random values of a training step; the values of a sample do not depend on the number of ranks.

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
    """Independent noise streams; the value is added to the seed and must be unique."""

    TRAIN = 0
    VALIDATION = 1
    NELBO = 2


@dataclass(frozen=True, slots=True)
class SampleNoise:
    """Uniform random values in [0, 1) for each sample.

    Attributes:
        time: float32 (B,), determines the diffusion time.
        choice: float32 (B, N), selects the tokens to corrupt.
        replacement: float32 (B, N), selects their replacements.
        visual_dropout: float32 (B,), a sample's visual features are dropped below the dropout probability.
        guidance_dropout: float32 (B,), a sample's caption is dropped below the dropout probability.
    """

    time: Tensor
    choice: Tensor
    replacement: Tensor
    visual_dropout: Tensor
    guidance_dropout: Tensor

    def __getitem__(self, samples: Tensor) -> SampleNoise:
        """The noise of the selected samples, by int64 indices or bool (B,)."""
        return SampleNoise(*(getattr(self, f.name)[samples] for f in fields(self)))

    @classmethod
    def split(cls, uniform_BM: Tensor) -> SampleNoise:
        """Splits uniform values, float (B, 3 + 2 N), into named parts."""
        n = (uniform_BM.shape[1] - 3) // 2
        time_B1, choice_BN, replacement_BN, visual_B1, guidance_B1 = torch.split(uniform_BM, [1, n, n, 1, 1], 1)
        return cls(time_B1[:, 0], choice_BN, replacement_BN, visual_B1[:, 0], guidance_B1[:, 0])

    @classmethod
    def draw(cls, seed: int, stream: Stream, index_B: Tensor, num_tokens: int, copies: int = 1) -> SampleNoise:
        """Draws the noise of `copies` images of each of B samples; copies of a sample are consecutive.

        The first copy has the same noise for any number of copies. The times of a sample's copies are evenly spaced
        modulo 1 (low-discrepancy times, MDLM, arXiv 2406.07524, appendix C.3). All copies of a sample have the same
        dropout values. The result is on the device of `index_B`.

        Args:
            seed: Seed of the run.
            stream: The noise stream.
            index_B: int64 (B,), positions of the samples in the run's global order (`Batch.index`).
            num_tokens: N.
            copies: Number of corrupted images of each sample.
        """
        own = 2 * num_tokens  # values of each copy
        uniform_BM = sample_uniforms(seed + stream, index_B, 3 + copies * own)
        if copies == 1:
            return cls.split(uniform_BM)
        first_BM, more_BX = torch.split(uniform_BM, [3 + own, (copies - 1) * own], 1)
        one = cls.split(first_BM)
        shift_C = torch.arange(copies, device=index_B.device) / copies
        time_BC = ((one.time[:, None] + shift_C) % 1).clamp(max=1 - 2**-24)
        time_BC[:, 0] = one.time
        choice_BxN, replacement_BxN = torch.split(more_BX.view(-1, copies - 1, own), num_tokens, 2)
        return cls(
            time_BC.flatten(),
            torch.cat([one.choice[:, None], choice_BxN], 1).flatten(0, 1),
            torch.cat([one.replacement[:, None], replacement_BxN], 1).flatten(0, 1),
            one.visual_dropout.repeat_interleave(copies),
            one.guidance_dropout.repeat_interleave(copies),
        )


def sample_uniforms(seed: int, index_B: Tensor, number: int) -> Tensor:
    """Uniform values of each sample, determined by seed and sample index, so equal on any number of ranks.

    Args:
        seed: Seed, combined with the sample index.
        index_B: int64 (B,), indices of the samples (`Batch.index`).
        number: Number of values per sample.

    Returns:
        float32 (B, number) in [0, 1), on the device of `index_B`. Over consecutive indices the first values are a
        low-discrepancy sequence (golden-ratio steps), so the times of a batch are evenly distributed.
    """
    indices = index_B.tolist()
    bits = [np.random.Generator(np.random.Philox(key=[seed, i])).random(number, dtype=np.float32) for i in indices]
    start = np.random.Generator(np.random.Philox(key=[seed, 2**63])).random()
    values = np.stack(bits) if bits else np.zeros((0, number), np.float32)
    values[:, 0] = (start + np.asarray(indices, np.float64) * GOLDEN_RATIO) % 1
    return torch.from_numpy(values).clamp(max=1 - 2**-24).to(index_B.device)
