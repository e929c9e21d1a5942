"""The noise condition: the visible share of the image tokens, as a vector.

It depends only on the share of unmasked tokens, so on x_t and not on t. Sampling with cached or skipped steps and the
likelihood bounds thus stay exact.

Shapes: B sequences, D width, S frequencies.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from unif2ace.types import Condition

ANGLES = 32


class NoiseLevel(nn.Module):
    """Maps the visible share (B,) to a vector (B, 1, D): a sinusoidal embedding and a two-layer MLP.

    Args:
        dim: D.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.into, self.out = nn.Linear(2 * ANGLES, dim), nn.Linear(dim, dim)

    def forward(self, visible_B: Tensor) -> Condition:
        """One vector per sequence, values (B, 1, D).

        Args:
            visible_B: float (B,) in [0, 1].
        """
        place_S = torch.arange(ANGLES, device=visible_B.device) / ANGLES
        angle_BS = visible_B.float()[:, None] * (math.pi * 1000**place_S)  # half a period to 400 periods over the range
        waves = torch.cat([angle_BS.sin(), angle_BS.cos()], 1).to(self.into.weight.dtype)
        values_BD = self.out(nn.functional.silu(self.into(waves)))
        return Condition(values_BD[:, None], torch.ones_like(visible_B, dtype=torch.bool))
