"""The noise condition: an embedding of the fraction of image tokens that are not masked.

The condition depends on x_t but not on t. Sampling with cached or skipped steps and the likelihood bounds therefore
stay exact.

Shapes: B sequences, D width, S frequencies.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from unif2ace.types import Condition

ANGLES = 32


class NoiseLevel(nn.Module):
    """Maps the fraction of unmasked tokens (B,) to a vector (B, 1, D), by a sinusoidal embedding and a two-layer MLP.

    Args:
        dim: D.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.into, self.out = nn.Linear(2 * ANGLES, dim), nn.Linear(dim, dim)

    def forward(self, visible_B: Tensor) -> Condition:
        """One vector per sequence, values (B, 1, D).

        Args:
            visible_B: float (B,), fraction of image tokens that are not masked, in [0, 1].
        """
        place_S = torch.arange(ANGLES, device=visible_B.device) / ANGLES
        angle_BS = visible_B.float()[:, None] * (math.pi * 1000**place_S)  # half a period to 400 periods over the range
        waves = torch.cat([angle_BS.sin(), angle_BS.cos()], 1).to(self.into.weight.dtype)
        values_BD = self.out(nn.functional.silu(self.into(waves)))
        return Condition(values_BD[:, None], torch.ones_like(visible_B, dtype=torch.bool))
