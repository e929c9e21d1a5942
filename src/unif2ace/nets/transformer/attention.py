"""Self-attention with query-key normalisation, partial rotary embedding and a cache.

Shapes: B sequences, L new positions, P cached positions, D width, H heads of width d.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor, nn

from unif2ace.nets.sharding import is_sharded
from unif2ace.nets.transformer.cache import Cache
from unif2ace.nets.transformer.head_sharding import heads_of_rank, joined, own_norms, shard_heads_
from unif2ace.nets.transformer.kernels import Kernel, Mask, attend
from unif2ace.nets.transformer.rotary import rotate

if TYPE_CHECKING:
    from torch.distributed.device_mesh import DeviceMesh


@dataclass(frozen=True, slots=True)
class AttentionInputs:
    """Inputs of attention besides the residual stream.

    Attributes:
        tables: Cosines and sines of the rotary embedding, (B, 1, L, r / 2) each.
        mask: Attention mask.
        kernel: The attention kernel; not ``auto``.
        layer: Index of the layer.
        cache: Keys and values of the earlier positions, to which the new ones are appended; None without a cache.
    """

    tables: tuple[Tensor, Tensor]
    mask: Mask
    kernel: Kernel
    layer: int
    cache: Cache | None = None


class Attention(nn.Module):
    """Multi-head self-attention; maps (B, L, D) to (B, L, D).

    Args:
        dim: D.
        heads: H; must divide `dim`.
        qk_norm: Whether queries and keys pass a LayerNorm over each head before the rotary embedding.
        eps: Epsilon of these LayerNorms.
    """

    def __init__(self, dim: int, heads: int, qk_norm: bool = True, eps: float = 1e-5) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)
        self.q_norm: nn.Module = nn.LayerNorm(dim // heads, eps) if qk_norm else nn.Identity()
        self.k_norm: nn.Module = nn.LayerNorm(dim // heads, eps) if qk_norm else nn.Identity()

    def shard_(self, mesh: DeviceMesh) -> None:
        """Shards the heads over the ranks, see `unif2ace.nets.transformer.head_sharding`."""
        shard_heads_(self, mesh)

    def forward(self, x_BLD: Tensor, inputs: AttentionInputs) -> Tensor:
        """Attention output, (B, L, D)."""
        rows, length, width = x_BLD.shape
        cut = is_sharded(self.out.weight)
        qkv_BLX, norms = heads_of_rank(self, x_BLD) if cut else (self.qkv(x_BLD), own_norms(self))
        q, k, v = (t.view(rows, length, -1, width // self.heads).transpose(1, 2) for t in qkv_BLX.chunk(3, -1))
        q, k = (rotate(norm(t), inputs.tables).to(v.dtype) for norm, t in zip(norms, (q, k), strict=True))
        if inputs.cache is not None:
            k, v = inputs.cache.append(inputs.layer, k, v)
        y_BLX = attend(q, k, v, inputs.mask, inputs.kernel).transpose(1, 2).reshape(rows, length, -1)
        out: Tensor = joined(self, y_BLX) if cut else self.out(y_BLX)
        return out
