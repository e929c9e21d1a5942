"""Finite scalar quantization: a fixed grid of codes, without a learned codebook.

Shapes: B images, C channels, h x w cells; channel c has L_c levels, L is the largest L_c.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from unif2ace.errors import ConfigError
from unif2ace.nets.quantizers.base import Quantizer
from unif2ace.types import Quantized

MARGIN = 1e-3
"""Fraction by which the range of a bounded channel is narrower than the range of its integers."""


class FSQ(Quantizer):
    r"""Finite scalar quantization: every channel is bounded and rounded (arXiv 2309.15505, listing in the appendix).

    A channel z is bounded to :math:`b = s \tanh(z + \tan(o / s)) - o` and rounded to one of L_c integers. The scale is
    :math:`s = (1 - 10^{-3})(L_c - 1) / 2`; the offset o is 1/2 for an even L_c, else 0. Codes (B, C, h, w) are the
    integers divided by floor(L_c / 2), in [-1, 1]. The id is the mixed-radix number of the integers, with channel 0 as
    the least significant digit. There are no parameters.

    Logits are computed per channel, :math:`-(2b - 2l)^2` for each of its levels l. The factor 2 makes adjacent levels
    as distant as -1 and +1 in `LFQ`. Channels with fewer than L levels are padded with -inf.

    Args:
        levels: L_c of each channel; the number of codes is their product.

    Raises:
        ConfigError: If there is no channel, or a channel has fewer than 2 levels.
    """

    levels: Tensor
    """int64 (C,), number of levels of each channel."""
    place_values: Tensor
    """int64 (C,), place value of each channel in the id."""
    choices: Tensor
    """float (C, L), the integer levels of each channel; NaN beyond a channel's own number of levels."""

    def __init__(self, levels: Sequence[int] = (8, 5, 5, 5)) -> None:
        super().__init__()
        if not levels or min(levels) < 2:
            raise ConfigError(f"quantizer.levels={list(levels)}: give one number of levels per channel, each 2 or more")
        self.dim, self.num_codes = len(levels), math.prod(levels)
        levels_C = torch.tensor(levels)
        choices_CL = torch.arange(max(levels)) - (levels_C // 2)[:, None].float()
        choices_CL[torch.arange(max(levels)) >= levels_C[:, None]] = torch.nan
        self.register_buffer("levels", levels_C, persistent=False)
        self.register_buffer("place_values", levels_C.cumprod(0) // levels_C, persistent=False)
        self.register_buffer("choices", choices_CL, persistent=False)

    def forward(self, z: Tensor, *, logits: bool = False) -> Quantized:
        """Rounds vectors (B, C, h, w) to codes; `Quantized.z` is bounded to [-1, 1] like the codes."""
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
        """The codes (B, C, h, w) of ids (B, h, w), in [-1, 1]."""
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
