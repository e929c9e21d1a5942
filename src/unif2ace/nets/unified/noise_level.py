"""The noise condition: how much of a picture is visible, as a vector.

It is a function of the share of tokens that are not masked, and of nothing else: a function of x_t and not of t, so
that sampling with cached or skipped steps and the likelihood bounds stay exact. Letters: B rows, D width, S angles.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from unif2ace.types import Condition

ANGLES = 32


class NoiseLevel(nn.Module):
    """The visible share, as sines and cosines and then two linear layers.

    Args:
        dim: D.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.into, self.out = nn.Linear(2 * ANGLES, dim), nn.Linear(dim, dim)

    def forward(self, visible_B: Tensor) -> Condition:
        """One vector a row, values (B, 1, D).

        Args:
            visible_B: float in [0, 1].
        """
        place_S = torch.arange(ANGLES, device=visible_B.device) / ANGLES
        angle_BS = visible_B.float()[:, None] * (math.pi * 1000**place_S)  # half a turn to 400 over the range
        waves = torch.cat([angle_BS.sin(), angle_BS.cos()], 1).to(self.into.weight.dtype)
        values_BD = self.out(nn.functional.silu(self.into(waves)))
        return Condition(values_BD[:, None], torch.ones_like(visible_B, dtype=torch.bool))
