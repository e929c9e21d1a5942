"""Gradient norm and clipping for parameters that FSDP and tensor parallelism shard over different ranks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.nn.utils import get_total_norm

from unif2ace.nets.sharding import local


def gradient_norm(parameters: Iterable[nn.Parameter]) -> Tensor:
    """Euclidean norm over all gradients, float (), equal on all ranks; every rank must call this function.

    Args:
        parameters: The parameters; those without a gradient are ignored.
    """
    gradients = [p.grad for p in parameters if p.grad is not None]
    groups: dict[Any, list[Tensor]] = {}
    for gradient in gradients:
        groups.setdefault(_cut(gradient), []).append(local(gradient.detach()))
    norms = [_norm(parts, groups_of_ranks) for groups_of_ranks, parts in groups.items()]
    if len(norms) == 1:
        return norms[0]
    return torch.linalg.vector_norm(torch.stack(norms)) if norms else torch.zeros(())


def _cut(gradient: Tensor) -> tuple[Any, ...]:
    """The mesh of a gradient and the mesh axes along which it is sharded."""
    if not isinstance(gradient, DTensor):
        return ()
    axes = tuple(axis for axis, placement in enumerate(gradient.placements) if not placement.is_replicate())
    return gradient.device_mesh, axes


def _norm(parts: list[Tensor], where: tuple[Any, ...]) -> Tensor:
    own: Tensor = get_total_norm(parts)
    if not where:
        return own
    mesh, axes = where
    square = own.to(mesh.device_type).square()
    for axis in axes:
        dist.all_reduce(square, group=mesh.get_group(axis))
    return square.sqrt()


@torch.no_grad()
def clip_gradients_(parameters: Iterable[nn.Parameter], max_norm: float | None) -> Tensor:
    """Scales gradients in place to a norm of at most `max_norm`; returns the norm before scaling, float ().

    Args:
        parameters: The parameters; their gradients are treated as one vector.
        max_norm: Maximum norm; None or 0 measures the norm without clipping.
    """
    parameters = list(parameters)
    norm = gradient_norm(parameters)
    if max_norm:
        scale = (max_norm / (norm + 1e-6)).clamp(max=1.0)
        for parameter in parameters:
            if parameter.grad is not None:
                part = local(parameter.grad)
                part.mul_(scale.to(part.device, part.dtype))
    return norm
