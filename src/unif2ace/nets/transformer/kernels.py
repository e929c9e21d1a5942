"""Attention kernels, and the choice of the fastest.

    sdpa    torch's scaled_dot_product_attention; on a CPU always in float32 or wider, as its 16-bit backward is slow
    math    two matrix products and a softmax, in the precision of the network
    flex    flex_attention, compiled on a GPU: skips empty blocks of the mask
    auto    sdpa; on a CPU in 16 bits a short benchmark selects sdpa or math

With fewer key-value heads than heads, H / J consecutive heads share one key-value head.

Shapes: B sequences, H heads, J key-value heads, L query positions, P key positions, d width of a head.
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
"""On a CPU in 16 bits, sdpa is chosen if it is this many times as fast as math; the margin makes the choice stable."""


class Mask:
    """Attention mask in the forms that the kernels read; each form is built once for all layers.

    Args:
        allowed: bool (B, 1, L, P), True where a query may attend to a key; every query attends to at least one. None
            for causal attention, where the queries are the last L of the P positions.
    """

    def __init__(self, allowed: Tensor | None) -> None:
        self.allowed = allowed
        self._bias: dict[torch.dtype, Tensor] = {}
        self._blocks: Any = None

    def of(self, length: int, width: int, device: torch.device) -> Tensor:
        """The mask, bool (B, 1, L, P); the batch axis is 1 for causal attention."""
        if self.allowed is None:
            every = torch.ones(length, width, dtype=torch.bool, device=device)
            self.allowed = every.tril(width - length)[None, None]
        return self.allowed

    def bias(self, length: int, width: int, like: Tensor) -> Tensor:
        """The term added to attention scores, (B, 1, L, P) like `of`: 0 or a large negative value."""
        if like.dtype not in self._bias:
            allowed = self.of(length, width, like.device)
            low = torch.finfo(like.dtype).min / 2
            self._bias[like.dtype] = torch.zeros_like(allowed, dtype=like.dtype).masked_fill_(~allowed, low)
        return self._bias[like.dtype]

    def blocks(self, length: int, width: int, device: torch.device) -> Any:
        """The block mask of flex_attention."""
        if self._blocks is None:
            from torch.nn.attention.flex_attention import create_block_mask

            allowed = self.of(length, width, device)[:, 0]
            rows = len(allowed)

            def mask_mod(row: Tensor, _head: Tensor, asks: Tensor, looked_at: Tensor) -> Tensor:
                return allowed[row * (rows > 1), asks, looked_at]

            self._blocks = create_block_mask(mask_mod, rows, None, length, width, device=str(device))
        return self._blocks


def attend(q_BHLd: Tensor, k_BJPd: Tensor, v_BJPd: Tensor, mask: Mask, kernel: Kernel) -> Tensor:
    """Softmax attention with scale 1 / sqrt(d), (B, H, L, d).

    Args:
        q_BHLd: float (B, H, L, d), queries.
        k_BJPd: float (B, J, P, d), keys.
        v_BJPd: float (B, J, P, d), values.
        mask: Attention mask.
        kernel: The kernel.

    Raises:
        ConfigError: If the kernel cannot train on this device.
    """
    ways = {"math": _math, "flex": _flex, "sdpa": _sdpa, "auto": _sdpa}
    with torch.autocast(q_BHLd.device.type, enabled=False):
        return ways[kernel](q_BHLd, k_BJPd, v_BJPd, mask)


def _sdpa(q_BHLd: Tensor, k_BJPd: Tensor, v_BJPd: Tensor, mask: Mask) -> Tensor:
    length, width, dtype = q_BHLd.shape[2], k_BJPd.shape[2], q_BHLd.dtype
    device = q_BHLd.device
    causal = mask.allowed is None and length == width
    allowed = None if causal or (mask.allowed is None and length == 1) else mask.of(length, width, device)
    if device.type == "cpu" and dtype.itemsize < 4:
        q_BHLd, k_BJPd, v_BJPd = q_BHLd.float(), k_BJPd.float(), v_BJPd.float()
    found_BHLd: Tensor = scaled_dot_product_attention(
        q_BHLd, k_BJPd, v_BJPd, attn_mask=allowed, is_causal=causal and length > 1, enable_gqa=_grouped(q_BHLd, k_BJPd)
    )
    return found_BHLd.to(dtype)


def _math(q_BHLd: Tensor, k_BJPd: Tensor, v_BJPd: Tensor, mask: Mask) -> Tensor:
    length, width, group = q_BHLd.shape[2], k_BJPd.shape[2], q_BHLd.shape[1] // k_BJPd.shape[1]
    k_BHPd, v_BHPd = (x if group == 1 else x.repeat_interleave(group, 1) for x in (k_BJPd, v_BJPd))
    scores_BHLP = (q_BHLd * q_BHLd.shape[3] ** -0.5) @ k_BHPd.mT + mask.bias(length, width, q_BHLd)
    found_BHLd: Tensor = scores_BHLP.softmax(-1) @ v_BHPd
    return found_BHLd


def _grouped(q_BHLd: Tensor, k_BJPd: Tensor) -> bool:
    return q_BHLd.shape[1] != k_BJPd.shape[1]


def _flex(q_BHLd: Tensor, k_BJPd: Tensor, v_BJPd: Tensor, mask: Mask) -> Tensor:
    if q_BHLd.device.type != "cuda" and torch.is_grad_enabled():
        raise ConfigError(
            f"net.attention=flex trains on a GPU only, not on {q_BHLd.device.type}: set net.attention=auto"
        )
    blocks = mask.blocks(q_BHLd.shape[2], k_BJPd.shape[2], q_BHLd.device)
    out: Tensor = _flex_attention(q_BHLd.device.type)(
        q_BHLd, k_BJPd, v_BJPd, block_mask=blocks, enable_gqa=_grouped(q_BHLd, k_BJPd)
    )
    return out


@functools.cache
def _flex_attention(device: str) -> Any:
    from torch.nn.attention.flex_attention import flex_attention

    return torch.compile(flex_attention, dynamic=True) if device == "cuda" else flex_attention


@functools.cache
def fastest(device: str, dtype: torch.dtype, gradient: bool) -> Kernel:
    """The kernel that ``auto`` selects; a benchmark runs at most once per process.

    Call this function outside of gradient checkpointing.

    Args:
        device: Device type.
        dtype: Dtype of queries, keys and values.
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
    """Processor time of one pass in seconds."""
    start = time.process_time()
    with torch.set_grad_enabled(gradient):
        q, k, v = x_iBHLd.clone().requires_grad_(gradient)
        out = attend(q, k, v, Mask(None), kernel)
        if gradient:
            torch.autograd.grad(out.sum(), (q, k, v))
    return time.process_time() - start
