"""Sharded parameters: local shards, and functions of full matrices."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import Tensor
from torch.distributed.tensor import DTensor, Replicate, Shard


def part(x: Tensor) -> Tensor:
    """The local shard of a tensor (...); in-place changes also change the tensor."""
    return x.to_local() if isinstance(x, DTensor) else x


def of_whole(function: Callable[[Tensor], Tensor], own: Tensor, like: Tensor, matrix_axes: int) -> Tensor:
    """The local shard of a function of full matrices; shards of a matrix are gathered first.

    Args:
        function: Maps a stack of matrices (..., m, n) to the same shape, each matrix independently.
        own: Local shard of the argument.
        like: A tensor of the argument's full shape and sharding.
        matrix_axes: Number of trailing axes that form one matrix; the axes before them are stacked.
    """
    if not isinstance(like, DTensor):
        return function(own)
    mesh, cut = like.device_mesh, like.placements
    first = like.ndim - matrix_axes
    whole = [p if type(p) is Shard and p.dim < first else Replicate() for p in cut]
    given = DTensor.from_local(own, mesh, cut, run_check=False, shape=like.shape, stride=like.stride())
    gathered = given.redistribute(mesh, whole)
    if not math.prod(gathered.to_local().shape):
        return own
    done = function(gathered.to_local())
    laid = DTensor.from_local(done, mesh, whole, run_check=False, shape=like.shape, stride=like.stride())
    return laid.redistribute(mesh, cut).to_local().to(own.device)  # shards may be offloaded to the CPU
