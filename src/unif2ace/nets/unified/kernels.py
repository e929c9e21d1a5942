"""Ways to compute attention, and which is fast where.

    sdpa    torch's fused kernel; on a CPU in float32 at least, since its backward pass is slow in 16 bits there
    math    two matrix products and a softmax, in the precision of the network
    flex    flex_attention, compiled on a GPU: skips blocks of the mask that are empty
    auto    sdpa; on a CPU in 16 bits a short probe picks between sdpa and math

Letters: B rows, H heads, L columns that ask, P columns that are looked at, d width of a head.
"""

from __future__ import annotations

import functools
import time
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from unif2ace.errors import ConfigError

Kernel = Literal["auto", "sdpa", "math", "flex"]

_WORTH = 1.25
"""How many times faster sdpa must be than math to be chosen on a CPU in 16 bits: a near tie never flips the choice."""


class Mask:
    """Who may look at whom, in the forms that the kernels read; each is made once for all layers.

    Args:
        allowed: bool (B, 1, L, P), True where a column may look at another; every column looks at one or more. None:
            each looks at all before it and itself, the last L of the P columns.
    """

    def __init__(self, allowed: Tensor | None) -> None:
        self.allowed = allowed
        self._bias: dict[torch.dtype, Tensor] = {}
        self._blocks: Any = None

    def of(self, length: int, width: int, device: torch.device) -> Tensor:
        """The mask itself, bool (B or 1, 1, L, P)."""
        if self.allowed is None:
            every = torch.ones(length, width, dtype=torch.bool, device=device)
            self.allowed = every.tril(width - length)[None, None]
        return self.allowed

    def bias(self, length: int, width: int, like: Tensor) -> Tensor:
        """What is added to scores, (B or 1, 1, L, P): 0 or a very low number."""
        if like.dtype not in self._bias:
            allowed = self.of(length, width, like.device)
            low = torch.finfo(like.dtype).min / 2
            self._bias[like.dtype] = torch.zeros_like(allowed, dtype=like.dtype).masked_fill_(~allowed, low)
        return self._bias[like.dtype]

    def blocks(self, length: int, width: int, device: torch.device) -> Any:
        """The mask as flex_attention reads it."""
        if self._blocks is None:
            from torch.nn.attention.flex_attention import create_block_mask

            allowed = self.of(length, width, device)[:, 0]
            rows = len(allowed)

            def mask_mod(row: Tensor, _head: Tensor, asks: Tensor, looked_at: Tensor) -> Tensor:
                return allowed[row * (rows > 1), asks, looked_at]

            self._blocks = create_block_mask(mask_mod, rows, None, length, width, device=str(device))
        return self._blocks


def attend(q_BHLd: Tensor, k_BHPd: Tensor, v_BHPd: Tensor, mask: Mask, kernel: Kernel) -> Tensor:
    """Softmax attention with scale 1 / sqrt(d), (B, H, L, d).

    Raises:
        ConfigError: If the kernel cannot train on this device.
    """
    ways = {"math": _math, "flex": _flex, "sdpa": _sdpa, "auto": _sdpa}
    with torch.autocast(q_BHLd.device.type, enabled=False):
        return ways[kernel](q_BHLd, k_BHPd, v_BHPd, mask)


def _sdpa(q_BHLd: Tensor, k_BHPd: Tensor, v_BHPd: Tensor, mask: Mask) -> Tensor:
    length, width, dtype = q_BHLd.shape[2], k_BHPd.shape[2], q_BHLd.dtype
    device = q_BHLd.device
    causal = mask.allowed is None and length == width
    allowed = None if causal or (mask.allowed is None and length == 1) else mask.of(length, width, device)
    if device.type == "cpu" and dtype.itemsize < 4:
        q_BHLd, k_BHPd, v_BHPd = q_BHLd.float(), k_BHPd.float(), v_BHPd.float()
    found_BHLd: Tensor = scaled_dot_product_attention(
        q_BHLd, k_BHPd, v_BHPd, attn_mask=allowed, is_causal=causal and length > 1
    )
    return found_BHLd.to(dtype)


def _math(q_BHLd: Tensor, k_BHPd: Tensor, v_BHPd: Tensor, mask: Mask) -> Tensor:
    length, width = q_BHLd.shape[2], k_BHPd.shape[2]
    scores_BHLP = (q_BHLd * q_BHLd.shape[3] ** -0.5) @ k_BHPd.mT + mask.bias(length, width, q_BHLd)
    found_BHLd: Tensor = scores_BHLP.softmax(-1) @ v_BHPd
    return found_BHLd


def _flex(q_BHLd: Tensor, k_BHPd: Tensor, v_BHPd: Tensor, mask: Mask) -> Tensor:
    if q_BHLd.device.type != "cuda" and torch.is_grad_enabled():
        raise ConfigError(f"net.attention=flex trains on a GPU only, not on {q_BHLd.device.type}: take auto")
    blocks = mask.blocks(q_BHLd.shape[2], k_BHPd.shape[2], q_BHLd.device)
    out: Tensor = _flex_attention(q_BHLd.device.type)(q_BHLd, k_BHPd, v_BHPd, block_mask=blocks)
    return out


@functools.cache
def _flex_attention(device: str) -> Any:
    from torch.nn.attention.flex_attention import flex_attention

    return torch.compile(flex_attention, dynamic=True) if device == "cuda" else flex_attention


@functools.cache
def fastest(device: str, dtype: torch.dtype, gradient: bool) -> Kernel:
    """The kernel that ``auto`` stands for; timed once per process where it is not known. Call it outside of blocks that
    are computed again in the backward pass.

    Args:
        device: Type of the device.
        dtype: Of the heads.
        gradient: Whether a backward pass follows.
    """
    if device != "cpu" or dtype.itemsize >= 4:
        return "sdpa"
    times: dict[Kernel, float] = {"math": float("inf"), "sdpa": float("inf")}
    x_iBHLd = torch.linspace(-1, 1, 3 * 8 * 8 * 112 * 32).sin().to(dtype).view(3, 8, 8, 112, 32)
    for _ in range(3):
        for kernel, best in times.items():
            times[kernel] = min(best, _seconds(x_iBHLd, kernel, gradient))
    return "sdpa" if times["sdpa"] * _WORTH < times["math"] else "math"


def _seconds(x_iBHLd: Tensor, kernel: Kernel, gradient: bool) -> float:
    """Processor time of one pass."""
    start = time.process_time()
    with torch.set_grad_enabled(gradient):
        q, k, v = x_iBHLd.clone().requires_grad_(gradient)
        out = attend(q, k, v, Mask(None), kernel)
        if gradient:
            torch.autograd.grad(out.sum(), (q, k, v))
    return time.process_time() - start
