"""A grid as codes: no table. B rows, C channels, h x w cells; channel c has L_c levels, L the most of any."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from unif2ace.errors import ConfigError
from unif2ace.nets.quantizers.base import Quantizer
from unif2ace.types import Quantized

MARGIN = 1e-3
"""How far the bound stays from the outermost point of rounding, as a share of the range."""


class FSQ(Quantizer):
    r"""Finite scalar quantization: every channel is bounded and rounded (arXiv 2309.15505, the appendix's listing).

    With :math:`s = (1 - 10^{-3})(L_c - 1) / 2` and the offset o = 1/2 for an even number of levels, else 0, a channel
    becomes :math:`b = s \tanh(z + \tan(o / s)) - o`, which rounds to one of L_c integers. Codes are these integers over
    floor(L_c / 2), so in [-1, 1], and the id is their mixed-radix number, channel 0 the least significant. Nothing is
    learned here.

    Logits are, for each channel by itself, :math:`-(2b - 2l)^2` over its levels l: distances in half steps, as between
    the two levels of `LFQ`. Channels of fewer levels have -inf for those that they lack.

    Args:
        levels: L_c of each channel; there are as many codes as their product.

    Raises:
        ConfigError: If a channel has fewer than 2 levels or there is none.
    """

    levels: Tensor
    """int64 (C,)"""
    place_values: Tensor
    """int64 (C,), what a step of each channel adds to the id."""
    choices: Tensor
    """float (C, L), the integers that a channel may take; nan for those that it lacks."""

    def __init__(self, levels: Sequence[int] = (8, 5, 5, 5)) -> None:
        super().__init__()
        if not levels or min(levels) < 2:
            raise ConfigError(f"quantizer.levels={list(levels)}: give a list of numbers of levels, each 2 or more")
        self.dim, self.num_codes = len(levels), math.prod(levels)
        levels_C = torch.tensor(levels)
        choices_CL = torch.arange(max(levels)) - (levels_C // 2)[:, None].float()
        choices_CL[torch.arange(max(levels)) >= levels_C[:, None]] = torch.nan
        self.register_buffer("levels", levels_C, persistent=False)
        self.register_buffer("place_values", levels_C.cumprod(0) // levels_C, persistent=False)
        self.register_buffer("choices", choices_CL, persistent=False)

    def forward(self, z: Tensor, *, logits: bool = False) -> Quantized:
        """The nearest points of the grid; `Quantized.z` is bounded, in [-1, 1] like the codes."""
        with torch.autocast(z.device.type, enabled=False):
            z_BHWC = z.to(torch.promote_types(z.dtype, torch.float32)).permute(0, 2, 3, 1)
            bounded_BHWC = self._bounded(z_BHWC)
            steps_BHWC = bounded_BHWC.detach().round()
            half_C = self.levels // 2
            ids_BHW = ((steps_BHWC.long() + half_C) * self.place_values).sum(-1)
            codes_BCHW = (steps_BHWC / half_C).permute(0, 3, 1, 2)
            z_BCHW = (bounded_BHWC / half_C).permute(0, 3, 1, 2)
            straight_BCHW = codes_BCHW + (z_BCHW - z_BCHW.detach())  # the difference is exactly 0
            scores = self._scores(bounded_BHWC) if logits else None
        return Quantized(z_BCHW, codes_BCHW, straight_BCHW, ids_BHW, scores, self.num_codes)

    def decode_ids(self, ids: Tensor) -> Tensor:
        """The codes of ids, in [-1, 1]."""
        half_C = self.levels // 2
        steps_BHWC = ids[..., None] // self.place_values % self.levels - half_C
        return (steps_BHWC / half_C).permute(0, 3, 1, 2)

    def _bounded(self, z_BHWC: Tensor) -> Tensor:
        span_C = (self.levels - 1).to(z_BHWC.dtype) * (1 - MARGIN) / 2
        offset_C = (1 - self.levels % 2) / 2
        return span_C * (z_BHWC + (offset_C / span_C).tan()).tanh() - offset_C

    def _scores(self, bounded_BHWC: Tensor) -> Tensor:
        lacks_CL = self.choices.isnan()
        scores_BHWCL = -(2 * bounded_BHWC[..., None] - 2 * self.choices.nan_to_num()).square()
        return scores_BHWCL.masked_fill(lacks_CL, -torch.inf)
