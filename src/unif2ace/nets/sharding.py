"""Sharding of networks over processes, by FSDP2 and tensor parallelism.

A network declares its FSDP modules and methods (`Shardable`), and the layers that tensor parallelism divides
(`Divisible`). All other layers are replicated over the tensor-parallel ranks.

Importing `torch.distributed.tensor` takes 2 s, so only the functions that shard import it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard, runtime_checkable

import torch
import torch.distributed as dist
from torch import Tensor, nn

from unif2ace.errors import ConfigError

if TYPE_CHECKING:
    from torch.distributed.device_mesh import DeviceMesh
    from torch.distributed.tensor import DTensor


@runtime_checkable
class Shardable(Protocol):
    """A network that declares its FSDP modules; any other network is one FSDP module, entered by `forward` only."""

    fsdp_methods: Sequence[str]
    """Methods besides `forward` that read weights outside the FSDP modules, so that FSDP gathers these weights first.
    """

    def fsdp_modules(self) -> Iterable[nn.Module]:
        """Modules whose weights FSDP gathers and frees one after the other, such as blocks."""


DividedWeight = tuple[nn.Module, str, int]
"""A module, the name of its weight, and the axis of the weight that is divided among ranks."""


@runtime_checkable
class Divisible(Protocol):
    """A layer that tensor parallelism divides."""

    def divided_weights(self) -> list[DividedWeight]:
        """Weights of which each rank uses only a part in the forward pass; all other weights are used in full."""

    def shard_(self, mesh: DeviceMesh) -> None:
        """Keeps only this rank's shard of the weights."""


@dataclass(frozen=True)
class Sharding:
    """Shards networks with FSDP over data-parallel ranks, and by heads and hidden units over tensor-parallel ranks.

    Args:
        data: Data-parallel ranks, which process different samples.
        tensor: Tensor-parallel ranks, which process the same samples with different parts of the weights.
        every: All ranks. Weights outside the FSDP modules, such as embeddings, are sharded over all of them.
        root_options: Options of `fully_shard` for the whole network.
        unit_options: Options of `fully_shard` for the FSDP modules of the network.
    """

    data: DeviceMesh
    tensor: DeviceMesh
    every: DeviceMesh
    root_options: dict[str, Any] = field(default_factory=dict)
    unit_options: dict[str, Any] = field(default_factory=dict)

    def unit(self, module: nn.Module) -> None:
        """Shards a module as soon as it is built, so that the full network never exists on one device."""
        from torch.distributed.fsdp import FSDPModule, fully_shard

        if isinstance(module, FSDPModule):
            return
        if self.tensor.size() > 1:
            for part in module.modules():
                if isinstance(part, Divisible):
                    part.shard_(self.tensor)
        fully_shard(module, mesh=self.data, **self.unit_options)

    def root(self, net: nn.Module) -> None:
        """Shards all FSDP modules of a network, then its remaining weights.

        Raises:
            ConfigError: If tensor parallelism is requested and no layer of the network supports it.
        """
        from torch.distributed.fsdp import FSDPModule, fully_shard, register_fsdp_forward_method

        if isinstance(net, FSDPModule):
            return
        for unit in net.fsdp_modules() if isinstance(net, Shardable) else ():
            self.unit(unit)
        if self.tensor.size() > 1 and not any(isinstance(part, Divisible) for part in net.modules()):
            raise ConfigError(
                f"strategy.tensor_parallel_size={self.tensor.size()}: {type(net).__name__} has no layer that tensor "
                "parallelism can divide; set strategy=fsdp or strategy=ddp"
            )
        fully_shard(net, mesh=self.every, **self.root_options)
        for name in net.fsdp_methods if isinstance(net, Shardable) else ():
            register_fsdp_forward_method(net, name)

    def even_out(self, parameters: Iterable[nn.Parameter]) -> None:
        """Averages gradients of replicated weights over the ranks that replicate them; repeated calls change nothing.

        Weights that are not sharded are replicated on all ranks. Weights that are sharded over the data-parallel ranks
        only are replicated on the tensor-parallel ranks.
        """
        whole, replicated = [], []
        for parameter in parameters:
            if parameter.grad is None:
                continue
            if not is_sharded(parameter.grad):
                whole.append(parameter.grad)
            elif parameter.grad.device_mesh == self.data:
                replicated.append(parameter.grad.to_local())
        _average(whole, self.every)
        _average(replicated, self.tensor)


def _average(gradients: list[Tensor], mesh: DeviceMesh) -> None:
    if not gradients or mesh.size() == 1:
        return
    flat = torch.cat([g.flatten() for g in gradients]).to(mesh.device_type)
    dist.all_reduce(flat, group=mesh.get_group())
    flat /= mesh.size()
    for gradient, part in zip(gradients, torch.split(flat, [g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))


def is_sharded(x: object) -> TypeGuard[DTensor]:
    """Whether a tensor is a `DTensor`, which is distributed over ranks."""
    return isinstance(x, Tensor) and hasattr(x, "placements")


def shard_weight_(module: nn.Module, name: str, axis: int, mesh: DeviceMesh, what: str) -> None:
    """Keeps only this rank's shard of a weight.

    Args:
        module: The module with the weight.
        name: Name of the weight.
        axis: Axis of the weight along which to shard.
        mesh: The tensor-parallel ranks.
        what: Configuration key that sets the size of this axis, for the error message.

    Raises:
        ConfigError: If the number of ranks does not divide the size of the axis.
    """
    from torch.distributed.tensor import Shard, distribute_tensor

    weight = getattr(module, name)
    if is_sharded(weight):
        return
    if weight.shape[axis] % mesh.size():
        raise ConfigError(
            f"strategy.tensor_parallel_size={mesh.size()}: it must divide {what}, which is {weight.shape[axis]}"
        )
    # all ranks have the same initial values: no communication
    part = distribute_tensor(weight.detach(), mesh, [Shard(axis)], src_data_rank=None)
    setattr(module, name, nn.Parameter(part, requires_grad=weight.requires_grad))


def shared(x: Tensor, mesh: DeviceMesh) -> Tensor:
    """Passes a replicated tensor (...) to sharded layers; the backward pass sums its gradients over the ranks."""
    from torch.distributed.tensor import DTensor, Partial, Replicate

    whole: Tensor = DTensor.from_local(x, mesh, (Replicate(),), run_check=False).to_local(grad_placements=(Partial(),))
    return whole


def summed(part: Tensor, mesh: DeviceMesh) -> Tensor:
    """Sums a tensor (...) over the ranks (all-reduce)."""
    from torch.distributed.tensor import DTensor, Partial, Replicate

    whole: Tensor = (
        DTensor.from_local(part, mesh, (Partial(),), run_check=False).redistribute(mesh, (Replicate(),)).to_local()
    )
    return whole


def local(x: Tensor) -> Tensor:
    """This rank's shard (...), or the tensor itself if it is not sharded; shares memory with `x`."""
    return x.to_local() if is_sharded(x) else x


def whole(x: Tensor) -> Tensor:
    """The full tensor (...), or the tensor itself if it is not sharded; every rank must call this function."""
    if not is_sharded(x):
        return x
    on_mesh: Any = x.to(x.device_mesh.device_type)  # offloaded shards are moved to the device first
    every: Tensor = on_mesh.full_tensor()
    return every
