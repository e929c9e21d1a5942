"""Tensor-parallel attention: each rank has all tokens and some of the heads.

The rows of ``qkv.weight`` are the queries of all heads, then the keys and the values of all key-value heads. If they
were sharded by row, a rank could hold queries without their keys. The weight is therefore sharded by column and
redistributed in each forward pass. This communicates weights instead of activations, and checkpoints keep the row order
of an unsharded model.

Shapes: T tokens, D width, X width of a rank's heads, Y width of its queries, keys and values.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from unif2ace.errors import ConfigError
from unif2ace.nets.sharding import is_sharded, local, shard_weight_, shared, summed

if TYPE_CHECKING:
    from torch.distributed.device_mesh import DeviceMesh

Norm = Callable[[Tensor], Tensor]


class HasHeads(Protocol):
    """A multi-head attention layer whose heads can be sharded over ranks."""

    heads: int
    num_kv_heads: int
    head_dim: int
    qkv: nn.Linear
    out: nn.Linear
    q_norm: nn.Module
    k_norm: nn.Module


def shard_heads_(attention: HasHeads, mesh: DeviceMesh) -> None:
    """Keeps only this rank's shard of the two large weights; biases and norms stay replicated.

    Args:
        attention: The layer; `heads` and `num_kv_heads` continue to count the heads of all ranks.
        mesh: The ranks.

    Raises:
        ConfigError: If a number of heads is not divisible by the number of ranks.
    """
    for name, number in (("net.heads", attention.heads), ("net.num_kv_heads", attention.num_kv_heads)):
        if number % mesh.size():
            raise ConfigError(f"strategy.tensor_parallel_size={mesh.size()}: it must divide {name}={number}")
    shard_weight_(attention.qkv, "weight", 1, mesh, "net.dim")
    shard_weight_(attention.out, "weight", 1, mesh, "net.heads times net.head_dim")


def own_norms(attention: HasHeads) -> tuple[Norm, Norm]:
    """The normalisation layers of queries and of keys; each maps (T, H, d) to the same shape."""
    return attention.q_norm, attention.k_norm


def heads_of_rank(attention: HasHeads, x_TD: Tensor) -> tuple[Tensor, tuple[Norm, Norm]]:
    """Queries, keys and values of this rank's heads, (T, Y), and the normalisation layers of queries and keys.

    Args:
        attention: A layer sharded by `shard_heads_`.
        x_TD: float (T, D), normalised residual stream, equal on all ranks.
    """
    weight = attention.qkv.weight
    assert is_sharded(weight)
    mesh = weight.device_mesh
    bias, *norms = _used_in_parts(attention, mesh)
    own_YD = _own_rows(attention, weight, mesh)
    own_Y = None if bias is None else _own_rows(attention, bias, mesh)
    return functional.linear(shared(x_TD, mesh), own_YD, own_Y), (norms[0], norms[1])


def _own_rows(attention: HasHeads, rows: Tensor, mesh: DeviceMesh) -> Tensor:
    """This rank's queries, keys and values among all rows (..., D), or among those of a replicated bias."""
    from torch.distributed.tensor import Shard

    width, found = attention.head_dim, []
    # blocks of equal size are redistributed together
    equal = attention.heads == attention.num_kv_heads
    blocks = [(3, attention.heads)] if equal else [(1, attention.heads), (2, attention.num_kv_heads)]
    for (number, heads), block in zip(
        blocks, torch.split(rows, [n * heads * width for n, heads in blocks]), strict=True
    ):
        parts: Any = block.view(number, heads * width, *block.shape[1:])
        if is_sharded(block):
            own = parts.redistribute(mesh, [Shard(1)]).to_local()
        else:
            own = parts.chunk(mesh.size(), 1)[mesh.get_local_rank()]
        found.append(own.flatten(0, 1))
    return torch.cat(found)


def _used_in_parts(attention: HasHeads, mesh: DeviceMesh) -> tuple[Tensor | None, Norm, Norm]:
    """Bias of ``qkv`` and both norms, with gradients summed over the ranks in one all-reduce."""
    bias: Tensor | None = attention.qkv.bias
    norms = attention.q_norm, attention.k_norm
    vectors = [*([] if bias is None else [bias]), *(p for norm in norms for p in norm.parameters())]
    if not vectors:
        return None, *own_norms(attention)
    flat = shared(torch.cat(vectors), mesh)
    parts = iter(torch.split(flat, [v.numel() for v in vectors]))
    bias = None if bias is None else next(parts)
    of_q, of_k = (_with(norm, {name: next(parts) for name, _ in norm.named_parameters()}) for norm in norms)
    return bias, of_q, of_k


def _with(norm: nn.Module, values: dict[str, Tensor]) -> Norm:
    """A norm with other values of its vectors (d,)."""

    def apply(x: Tensor) -> Tensor:
        out: Tensor = functional_call(norm, values, x)
        return out

    return apply


def joined(attention: HasHeads, y_TX: Tensor) -> Tensor:
    """The output of all heads, (T, D), equal on all ranks.

    Args:
        attention: A layer sharded by `shard_heads_`.
        y_TX: float (T, X), attention output of this rank's heads.
    """
    weight = attention.out.weight
    assert is_sharded(weight)
    part_TD = functional.linear(y_TX, local(weight))
    out_TD = summed(part_TD, weight.device_mesh)
    return out_TD if attention.out.bias is None else out_TD + attention.out.bias.to(part_TD.dtype)
