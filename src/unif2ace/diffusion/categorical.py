"""Sampling from categorical distributions by inversion. Shapes: P distributions over K codes."""

from __future__ import annotations

import torch
from torch import Tensor

from unif2ace.errors import DataError


def weights(logits_PK: Tensor) -> Tensor:
    """Unnormalised probabilities exp(logit - max), (P, K): each is exact to its own relative precision, however small.

    Float32, or float64 for float64 logits; autocast is off.
    """
    with torch.autocast(logits_PK.device.type, enabled=False):
        shifted_PK = logits_PK.to(torch.promote_types(logits_PK.dtype, torch.float32))
        return (shifted_PK - shifted_PK.amax(-1, keepdim=True)).exp_()


def invert(weight_PK: Tensor, uniform_P: Tensor) -> Tensor:
    """Inverse-transform sampling: the code at which each cumulative distribution exceeds u.

    Weights are summed in blocks of about sqrt(K) codes. The blocks, and then the codes of the chosen block, are
    cumulated in float64. Rare codes are therefore not lost to rounding, as in a float32 cumulative sum over K codes,
    and only 1 in sqrt(K) weights is converted. A code of weight 0 is never sampled.

    Args:
        weight_PK: float (P, K), non-negative; need not sum to 1.
        uniform_P: float64 (P,) in [0, 1).

    Returns:
        int64 (P,), codes in [0, K).

    Raises:
        DataError: If the weights of a distribution sum to 0 or are not finite.
    """
    codes = weight_PK.shape[-1]
    size = 1 << (codes.bit_length() // 2)
    block_PJ = _block_sums(weight_PK, size)
    block_P1, into_P1 = _passes(block_PJ, uniform_P[:, None].to(block_PJ.device))
    column_PS = block_P1 * size + torch.arange(size, device=weight_PK.device)
    inner_PS = weight_PK.gather(-1, column_PS.clamp(max=codes - 1)).double().masked_fill(column_PS >= codes, 0)
    inside_P1, _ = _passes(inner_PS, into_P1)
    return (block_P1 * size + inside_P1)[:, 0]


def _block_sums(weight_PK: Tensor, size: int) -> Tensor:
    """float64 (P, J), sums of J blocks; the last block may be shorter."""
    whole = weight_PK.shape[-1] // size * size
    sums_PJ = weight_PK[:, :whole].view(len(weight_PK), whole // size, size).sum(-1)
    if whole < weight_PK.shape[-1]:
        sums_PJ = torch.cat([sums_PJ, weight_PK[:, whole:].sum(-1, keepdim=True)], -1)
    sums_PJ = sums_PJ.double()
    total_P = sums_PJ.sum(-1)
    if not bool(((total_P > 0) & total_P.isfinite()).all()):
        raise DataError(
            "no code can be sampled at some positions: their logits hold nan or inf, or are all -inf; look for nan in "
            "the network's weights"
        )
    return sums_PJ


def _passes(weight_PS: Tensor, share_P1: Tensor) -> tuple[Tensor, Tensor]:
    """int64 (P, 1), where the cumulative sum exceeds a share in [0, 1) of the total, and how far into that weight."""
    cumulative_PS = weight_PS.cumsum(-1)
    total_P1 = cumulative_PS[:, -1:]
    aim_P1 = torch.minimum(share_P1 * total_P1, total_P1.nextafter(torch.zeros_like(total_P1)))
    place_P1 = torch.searchsorted(cumulative_PS, aim_P1, right=True)
    width_P1 = weight_PS.gather(-1, place_P1)
    into_P1 = (aim_P1 - (cumulative_PS.gather(-1, place_P1) - width_P1)) / width_P1
    return place_P1, into_P1.clamp(0, 1)
