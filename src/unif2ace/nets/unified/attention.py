"""Self-attention with normalised queries and keys, partial rotary positions and a cache.

Letters: B rows, L new columns, P columns of the cache, D width, H heads of width d.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.tensor import DTensor

from unif2ace.nets.unified.cache import Cache
from unif2ace.nets.unified.kernels import Kernel, Mask, attend
from unif2ace.nets.unified.rotary import rotate
from unif2ace.nets.unified.sharding import heads_of_rank, joined, shard_heads_


@dataclass(frozen=True, slots=True)
class AttentionInputs:
    """What attention needs beside the stream.

    Attributes:
        tables: Cosines and sines of the rotary positions.
        mask: Who may look at whom.
        kernel: How attention is computed; not ``auto``.
        layer: Place of the layer among its kind.
        cache: Where the keys and values of columns before these are, and where those of these go.
    """

    tables: tuple[Tensor, Tensor]
    mask: Mask
    kernel: Kernel
    layer: int
    cache: Cache | None = None


class Attention(nn.Module):
    """Multi-head attention.

    Args:
        dim: D.
        heads: H; they divide the width.
        qk_norm: Whether a LayerNorm over each head goes before the rotation of queries and keys.
        eps: Of these LayerNorms.
    """

    def __init__(self, dim: int, heads: int, qk_norm: bool = True, eps: float = 1e-5) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)
        self.q_norm = nn.LayerNorm(dim // heads, eps) if qk_norm else nn.Identity()
        self.k_norm = nn.LayerNorm(dim // heads, eps) if qk_norm else nn.Identity()

    def shard_(self, mesh: DeviceMesh) -> None:
        """Leaves each rank some of the heads, see `unif2ace.nets.unified.sharding`."""
        shard_heads_(self, mesh)

    def forward(self, x_BLD: Tensor, view: AttentionInputs) -> Tensor:
        """What the columns found, (B, L, D)."""
        rows, length, width = x_BLD.shape
        cut = isinstance(self.out.weight, DTensor)
        qkv_BLX, norms = heads_of_rank(self, x_BLD) if cut else (self.qkv(x_BLD), (self.q_norm, self.k_norm))
        q, k, v = (t.view(rows, length, -1, width // self.heads).transpose(1, 2) for t in qkv_BLX.chunk(3, -1))
        q, k = (rotate(norm(t), view.tables).to(v.dtype) for norm, t in zip(norms, (q, k), strict=True))
        if view.cache is not None:
            k, v = view.cache.append(view.layer, k, v)
        y_BLX = attend(q, k, v, view.mask, view.kernel).transpose(1, 2).reshape(rows, length, -1)
        out: Tensor = joined(self, y_BLX) if cut else self.out(y_BLX)
        return out
