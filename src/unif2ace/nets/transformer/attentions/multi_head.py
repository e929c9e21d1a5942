"""Self-attention with query-key normalisation, partial rotary embedding, grouped queries and a cache.

Shapes: T tokens of all sequences, D width, H heads and J key-value heads of width d.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from torch import Tensor, nn

from unif2ace.errors import ConfigError
from unif2ace.nets.sharding import DividedWeight, is_sharded
from unif2ace.nets.transformer.attentions.base import Attention, AttentionInputs
from unif2ace.nets.transformer.head_sharding import heads_of_rank, joined, own_norms, shard_heads_
from unif2ace.nets.transformer.norms.layer_norm import LayerNorm
from unif2ace.nets.transformer.rotary import head_size, rotate

if TYPE_CHECKING:
    from torch.distributed.device_mesh import DeviceMesh


class MultiHeadAttention(Attention):
    """Multi-head self-attention; maps (T, D) to (T, D).

    With J < H, several heads share one key-value head: grouped-query attention (arXiv 2305.13245).

    Args:
        dim: D.
        heads: H; must divide `dim` if `head_dim` is None.
        qk_norm: Whether queries and keys are normalised over each head before the rotary embedding.
        eps: Epsilon of these normalisation layers.
        norm: Builds a normalisation layer from a width and an epsilon.
        num_kv_heads: J; must divide H. None for H.
        head_dim: d; None for D / H.
        qkv_bias: Whether queries, keys and values have biases.
        out_bias: Whether the output layer has a bias.

    Raises:
        ConfigError: If `num_kv_heads` does not divide `heads`, or the width of a head is not an integer.
    """

    def __init__(
        self,
        dim: int,
        heads: int,
        qk_norm: bool = True,
        eps: float = 1e-5,
        *,
        norm: Callable[[int, float], nn.Module] = LayerNorm,
        num_kv_heads: int | None = None,
        head_dim: int | None = None,
        qkv_bias: bool = True,
        out_bias: bool = True,
    ) -> None:
        super().__init__()
        self.heads, self.head_dim = heads, head_size(dim, heads, head_dim)
        self.num_kv_heads = heads if num_kv_heads is None else num_kv_heads
        if self.num_kv_heads < 1 or heads % self.num_kv_heads:
            raise ConfigError(f"net.num_kv_heads={num_kv_heads}: it must be 1 or more and divide net.heads={heads}")
        self.qkv = nn.Linear(dim, (heads + 2 * self.num_kv_heads) * self.head_dim, qkv_bias)
        self.out = nn.Linear(heads * self.head_dim, dim, out_bias)
        self.q_norm = norm(self.head_dim, eps) if qk_norm else nn.Identity()
        self.k_norm = norm(self.head_dim, eps) if qk_norm else nn.Identity()

    def divided_weights(self) -> list[DividedWeight]:
        """The weights that are divided by heads, see `unif2ace.nets.sharding.Divisible`."""
        kinds = ("weight",) if self.qkv.bias is None else ("weight", "bias")
        return [*((self.qkv, kind, 0) for kind in kinds), (self.out, "weight", 1)]

    def shard_(self, mesh: DeviceMesh) -> None:
        """Shards the heads over the ranks, see `unif2ace.nets.transformer.head_sharding`."""
        shard_heads_(self, mesh)

    def forward(self, x_TD: Tensor, inputs: AttentionInputs) -> Tensor:
        """Attention output, (T, D), see `Attention`."""
        cut = is_sharded(self.out.weight)
        qkv_TX, norms = heads_of_rank(self, x_TD) if cut else (self.qkv(x_TD), own_norms(self))
        heads_TXd = qkv_TX.view(len(x_TD), qkv_TX.shape[1] // self.head_dim, self.head_dim)
        group = self.heads // self.num_kv_heads
        kv_heads = heads_TXd.shape[1] // (group + 2)  # of this rank
        q, k, v = heads_TXd.split([group * kv_heads, kv_heads, kv_heads], 1)
        q, k = (rotate(norm(t), inputs.tables).to(v.dtype) for norm, t in zip(norms, (q, k), strict=True))
        y_TX = inputs.attend(q, k, v)
        out: Tensor = joined(self, y_TX) if cut else self.out(y_TX)
        return out
