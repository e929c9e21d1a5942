"""Sampling from categorical distributions by inversion. Shapes: P distributions over K codes."""

from __future__ import annotations

import torch
from torch import Tensor

from unif2ace.errors import DataError


def weights(logits_PK: Tensor) -> Tensor:
    """Unnormalised probabilities exp(logit - max), (P, K); small values keep their full relative precision.

    The result is float32, or float64 for float64 logits; autocast is disabled.
    """
    with torch.autocast(logits_PK.device.type, enabled=False):
        shifted_PK = logits_PK.to(torch.promote_types(logits_PK.dtype, torch.float32))
        return (shifted_PK - shifted_PK.amax(-1, keepdim=True)).exp_()


def invert(weight_PK: Tensor, uniform_P: Tensor) -> Tensor:
    """Samples by inversion: returns the first code at which each cumulative distribution exceeds u.

    A float32 cumulative sum over K codes would lose rare codes to rounding. Weights are therefore summed in blocks of
    about sqrt(K) codes. Cumulative sums over the blocks, and then over the codes of the chosen block, are in float64,
    so only about sqrt(K) weights are converted. A code of weight 0 is never sampled.

    Args:
        weight_PK: float (P, K), non-negative; need not sum to 1.
        uniform_P: float64 (P,), uniform random numbers u in [0, 1).

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
            "no code can be sampled at some positions, because their logits hold NaN or inf, or are all -inf: check "
            "the network's weights for NaN"
        )
    return sums_PJ


def _passes(weight_PS: Tensor, share_P1: Tensor) -> tuple[Tensor, Tensor]:
    """Index int64 (P, 1) at which the cumulative sum exceeds a share of the total, and the position in that weight."""
    cumulative_PS = weight_PS.cumsum(-1)
    total_P1 = cumulative_PS[:, -1:]
    aim_P1 = torch.minimum(share_P1 * total_P1, total_P1.nextafter(torch.zeros_like(total_P1)))
    place_P1 = torch.searchsorted(cumulative_PS, aim_P1, right=True)
    width_P1 = weight_PS.gather(-1, place_P1)
    into_P1 = (aim_P1 - (cumulative_PS.gather(-1, place_P1) - width_P1)) / width_P1
    return place_P1, into_P1.clamp(0, 1)
