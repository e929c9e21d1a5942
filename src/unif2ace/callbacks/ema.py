"""Averages of the weights over steps, which give better pictures and answers than the last weights."""

from __future__ import annotations

import torch
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor

from unif2ace.errors import ConfigError


class EMA(WeightAveraging):
    r"""Exponential moving average of weights and buffers, used in validation, checkpoints and at the end.

    Formula, after n updates: :math:`\bar w \leftarrow d_n \bar w + (1 - d_n) w` with
    :math:`d_n = \min(d, (1 + n) / (10 + n))`: in a short run the random weights of the start would else stay in it.
    Integers are copied.

    Args:
        decay: d, at least 0 and below 1.

    Raises:
        ConfigError: If the decay is out of its range.
    """

    def __init__(self, decay: float = 0.998) -> None:
        if not 0 <= decay < 1:
            raise ConfigError(f"callbacks.ema.decay={decay}: at least 0 and below 1")
        self.decay = decay
        super().__init__(multi_avg_fn=self._average)

    def _average(self, averaged: list[Tensor], current: list[Tensor], num_averaged: Tensor | int) -> None:
        n = int(num_averaged)
        share = 1 - min(self.decay, (1 + n) / (10 + n))
        if averaged[0].is_floating_point():
            torch._foreach_lerp_(averaged, current, share)
        else:
            torch._foreach_copy_(averaged, current)
