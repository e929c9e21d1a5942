"""Tensor-parallel attention: each rank has all tokens and some of the heads.

The rows of ``qkv.weight`` are all queries, then all keys, then all values. Sharded by row, a rank would hold queries
without keys. The weight is therefore stored sharded by column and redistributed in each pass. This communicates weights
instead of activations, and checkpoints keep the order of an unsharded model.

Shapes: B sequences, L positions, D width, X width of a rank's heads (3 X for queries, keys and values).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from unif2ace.errors import ConfigError
from unif2ace.nets.sharding import is_sharded, local, shard_weight_, shared, summed

if TYPE_CHECKING:
    from torch.distributed.device_mesh import DeviceMesh

Norm = Callable[[Tensor], Tensor]


class HasHeads(Protocol):
    """The parts of a multi-head attention layer that are sharded, or read by every rank."""

    heads: int
    qkv: nn.Linear
    out: nn.Linear
    q_norm: nn.Module
    k_norm: nn.Module


def shard_heads_(attention: HasHeads, mesh: DeviceMesh) -> None:
    """Keeps only this rank's shard of the two large weights; biases and LayerNorms stay replicated.

    Args:
        attention: The layer; its `heads` stays the number of all heads.
        mesh: The ranks.

    Raises:
        ConfigError: If the number of heads is not divisible by the number of ranks.
    """
    if attention.heads % mesh.size():
        raise ConfigError(
            f"strategy.tensor_parallel_size={mesh.size()} does not divide net.heads={attention.heads}: change either"
        )
    shard_weight_(attention.qkv, "weight", 1, mesh, "net.dim")
    shard_weight_(attention.out, "weight", 1, mesh, "net.dim")


def own_norms(attention: HasHeads) -> tuple[Norm, Norm]:
    """The LayerNorms over queries and keys, each from (B, H, L, d) to the same."""
    return attention.q_norm, attention.k_norm


def heads_of_rank(attention: HasHeads, x_BLD: Tensor) -> tuple[Tensor, tuple[Norm, Norm]]:
    """Queries, keys and values of this rank's heads, (B, L, 3 X), and their LayerNorms.

    Args:
        attention: A layer sharded by `shard_heads_`.
        x_BLD: float (B, L, D), normalised residual stream, equal on all ranks.
    """
    from torch.distributed.tensor import Shard

    weight = attention.qkv.weight
    assert is_sharded(weight)
    mesh, width = weight.device_mesh, x_BLD.shape[-1]
    rows_3DD: Any = weight.view(3, width, width)
    own_3XD = rows_3DD.redistribute(mesh, [Shard(1)]).to_local()
    bias_3D, *norms = _used_in_parts(attention, mesh)
    first = mesh.get_local_rank() * own_3XD.shape[1]
    bias_3X = bias_3D.view(3, width)[:, first : first + own_3XD.shape[1]]
    qkv_BLX = functional.linear(shared(x_BLD, mesh), own_3XD.flatten(0, 1), bias_3X.flatten())
    if not norms:
        return qkv_BLX, own_norms(attention)
    q_norm, k_norm = attention.q_norm, attention.k_norm
    assert isinstance(q_norm, nn.LayerNorm)
    assert isinstance(k_norm, nn.LayerNorm)
    shape = q_norm.normalized_shape
    of_q = partial(functional.layer_norm, normalized_shape=shape, weight=norms[0], bias=norms[1], eps=q_norm.eps)
    of_k = partial(functional.layer_norm, normalized_shape=shape, weight=norms[2], bias=norms[3], eps=k_norm.eps)
    return qkv_BLX, (of_q, of_k)


def _used_in_parts(attention: HasHeads, mesh: DeviceMesh) -> list[Tensor]:
    """Bias of ``qkv`` and weights of the LayerNorms, with gradients summed over the ranks in one all-reduce."""
    vectors: list[Tensor] = [attention.qkv.bias, *attention.q_norm.parameters(), *attention.k_norm.parameters()]
    flat = shared(torch.cat(vectors), mesh)
    return list(torch.split(flat, [v.numel() for v in vectors]))


def joined(attention: HasHeads, y_BLX: Tensor) -> Tensor:
    """The output of all heads, (B, L, D), equal on all ranks.

    Args:
        attention: A layer sharded by `shard_heads_`.
        y_BLX: float (B, L, X), attention output of this rank's heads.
    """
    weight = attention.out.weight
    assert is_sharded(weight)
    part_BLD = functional.linear(y_BLX, local(weight))
    return summed(part_BLD, weight.device_mesh) + attention.out.bias.to(part_BLD.dtype)
