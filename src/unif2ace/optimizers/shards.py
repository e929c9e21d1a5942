"""Helpers for sharded parameters: local shards, and functions that need full matrices."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import Tensor
from torch.distributed.tensor import DTensor, Replicate, Shard


def part(x: Tensor) -> Tensor:
    """The local shard of a tensor (...). In-place changes of the shard also change the tensor."""
    return x.to_local() if isinstance(x, DTensor) else x


def of_whole(function: Callable[[Tensor], Tensor], own: Tensor, like: Tensor, matrix_axes: int) -> Tensor:
    """Applies a function to sharded matrices, and returns the local shard of the result.

    Matrices that are split over processes are gathered first.

    Args:
        function: Maps each matrix of a stack (..., m, n) independently to a matrix of the same shape.
        own: Local shard of the argument of `function`.
        like: A tensor with the full shape and the sharding of the argument.
        matrix_axes: Number of trailing axes that form one matrix. The axes before them are stack axes.
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
