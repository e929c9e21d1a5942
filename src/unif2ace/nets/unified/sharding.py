"""Attention whose heads are divided among the ranks of a mesh: all have all tokens, and some heads.

The rows of ``qkv.weight`` are those of all queries, then keys, then values: cut along its rows, a rank would get
queries without keys. It is kept cut along its columns instead and laid anew for each pass, which sends a part of the
weight instead of activations and leaves every checkpoint in the order of an undivided model.

Letters: B rows, L columns, D width, X the width of a rank's heads (three times for queries, keys and values).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.tensor import DTensor, Shard
from torch.nn import functional

from unif2ace.errors import ConfigError
from unif2ace.nets.sharding import local, shard_weight_, shared, summed

if TYPE_CHECKING:
    from unif2ace.nets.unified.attention import Attention

Norm = Callable[[Tensor], Tensor]


def shard_heads_(attention: Attention, mesh: DeviceMesh) -> None:
    """Leaves each rank its part of the two large weights; biases and LayerNorms stay whole.

    Args:
        attention: Its `heads` are those of all ranks, also afterwards.
        mesh: The ranks.

    Raises:
        ConfigError: If they cannot have equal numbers of heads.
    """
    if attention.heads % mesh.size():
        raise ConfigError(
            f"strategy.tensor_parallel_size={mesh.size()} does not divide net.heads={attention.heads}: change either"
        )
    shard_weight_(attention.qkv, "weight", 1, mesh, "net.dim")
    shard_weight_(attention.out, "weight", 1, mesh, "net.dim")


def heads_of_rank(attention: Attention, x_BLD: Tensor) -> tuple[Tensor, tuple[Norm, Norm]]:
    """Queries, keys and values of this rank's heads, (B, L, 3 X), and their LayerNorms.

    Args:
        attention: Cut by `shard_heads_`.
        x_BLD: Normalised stream, alike on all ranks.
    """
    weight = attention.qkv.weight
    assert isinstance(weight, DTensor)
    mesh, width = weight.device_mesh, x_BLD.shape[-1]
    rows_3DD: Any = weight.view(3, width, width)
    own_3XD = rows_3DD.redistribute(mesh, [Shard(1)]).to_local()
    bias_3D, *norms = _used_in_parts(attention, mesh)
    first = mesh.get_local_rank() * own_3XD.shape[1]
    bias_3X = bias_3D.view(3, width)[:, first : first + own_3XD.shape[1]]
    qkv_BLX = functional.linear(shared(x_BLD, mesh), own_3XD.flatten(0, 1), bias_3X.flatten())
    if not norms:
        return qkv_BLX, (attention.q_norm, attention.k_norm)
    q_norm, k_norm = attention.q_norm, attention.k_norm
    assert isinstance(q_norm, nn.LayerNorm)
    assert isinstance(k_norm, nn.LayerNorm)
    shape = q_norm.normalized_shape
    of_q = partial(functional.layer_norm, normalized_shape=shape, weight=norms[0], bias=norms[1], eps=q_norm.eps)
    of_k = partial(functional.layer_norm, normalized_shape=shape, weight=norms[2], bias=norms[3], eps=k_norm.eps)
    return qkv_BLX, (of_q, of_k)


def _used_in_parts(attention: Attention, mesh: DeviceMesh) -> list[Tensor]:
    """Bias of ``qkv`` and weights of the LayerNorms, with gradients summed over the ranks in one exchange."""
    vectors: list[Tensor] = [attention.qkv.bias, *attention.q_norm.parameters(), *attention.k_norm.parameters()]
    flat = shared(torch.cat(vectors), mesh)
    return list(torch.split(flat, [v.numel() for v in vectors]))


def joined(attention: Attention, y_BLX: Tensor) -> Tensor:
    """The output of all heads, (B, L, D), alike on all ranks.

    Args:
        attention: Cut by `shard_heads_`.
        y_BLX: What this rank's heads found.
    """
    weight = attention.out.weight
    assert isinstance(weight, DTensor)
    part_BLD = functional.linear(y_BLX, local(weight))
    return summed(part_BLD, weight.device_mesh) + attention.out.bias.to(part_BLD.dtype)
