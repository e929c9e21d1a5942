"""Parameters of which each process has a part."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import Tensor
from torch.distributed.tensor import DTensor, Replicate, Shard


def part(x: Tensor) -> Tensor:
    """What this process has of a tensor; writing to it writes to the tensor."""
    return x.to_local() if isinstance(x, DTensor) else x


def of_whole(function: Callable[[Tensor], Tensor], own: Tensor, like: Tensor, matrix_axes: int) -> Tensor:
    """This process's part of a function of whole matrices; what other processes have of them is gathered.

    Args:
        function: Of a tensor of matrices, shape to same shape; each matrix by itself.
        own: Part of its argument.
        like: How the argument is cut: a tensor of its shape.
        matrix_axes: The last so many axes make up a matrix; those before only count them.
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
    return laid.redistribute(mesh, cut).to_local().to(own.device)  # parts may wait in the machine's memory
