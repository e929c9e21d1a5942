"""Sharding of networks over processes: FSDP2 by modules, and tensor parallelism within them.

The network declares what is sharded: its FSDP modules and methods (`Shardable`), and the layers that tensor parallelism
divides (`Divisible`). Everything else is replicated within its FSDP module.

Only functions that shard import `torch.distributed.tensor`: it takes 2 s, which no other run needs.
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
    """A network that declares how it is sharded; any other is one FSDP module, entered through `forward` alone."""

    fsdp_methods: Sequence[str]
    """Methods besides `forward` that read weights of the network itself."""

    def fsdp_modules(self) -> Iterable[nn.Module]:
        """Modules that are gathered and freed one after the other, such as blocks."""


DividedWeight = tuple[nn.Module, str, int]
"""A module, the name of its weight, and the axis of the weight that is divided among ranks."""


@runtime_checkable
class Divisible(Protocol):
    """A layer that tensor parallelism divides."""

    def divided_weights(self) -> list[DividedWeight]:
        """The weights of which each rank uses a part in the forward pass; all other weights are used by every rank."""

    def shard_(self, mesh: DeviceMesh) -> None:
        """Keeps only this rank's shard of the weights."""


@dataclass(frozen=True)
class Sharding:
    """Shards networks: over data-parallel ranks by FSDP, over tensor-parallel ranks by heads and hidden dimensions.

    Args:
        data: Ranks that process different samples.
        tensor: Ranks that share the work on the same samples.
        every: All ranks: the root's weights, such as an embedding, are sharded over both kinds.
        root_options: Options of `fully_shard` for the root.
        unit_options: Options of `fully_shard` for the modules within it.
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
        """Shards what `unit` has left of a network.

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
                f"strategy.tensor_parallel_size={self.tensor.size()}: {type(net).__name__} has no part that can be "
                "split so; take strategy=fsdp or ddp"
            )
        fully_shard(net, mesh=self.every, **self.root_options)
        for name in net.fsdp_methods if isinstance(net, Shardable) else ():
            register_fsdp_forward_method(net, name)

    def even_out(self, parameters: Iterable[nn.Parameter]) -> None:
        """Averages gradients of replicated weights: over all ranks if the weight is not sharded at all, over the
        tensor-parallel ranks if it is sharded over data-parallel ranks only. Repeated calls change nothing.
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
    """Whether a tensor is distributed over ranks, a `DTensor`."""
    return isinstance(x, Tensor) and hasattr(x, "placements")


def shard_weight_(module: nn.Module, name: str, axis: int, mesh: DeviceMesh, what: str) -> None:
    """Keeps only this rank's shard of a weight.

    Args:
        module: The module with the weight.
        name: Name of the weight.
        axis: Axis along which it is sharded.
        mesh: The ranks.
        what: Name of the axis's size, for the error message.

    Raises:
        ConfigError: If the shards would not be equal.
    """
    from torch.distributed.tensor import Shard, distribute_tensor

    weight = getattr(module, name)
    if is_sharded(weight):
        return
    if weight.shape[axis] % mesh.size():
        raise ConfigError(
            f"strategy.tensor_parallel_size={mesh.size()} does not divide {what}, {weight.shape[axis]}: change either"
        )
    # all ranks have the same initial values: no communication
    part = distribute_tensor(weight.detach(), mesh, [Shard(axis)], src_data_rank=None)
    setattr(module, name, nn.Parameter(part, requires_grad=weight.requires_grad))


def shared(x: Tensor, mesh: DeviceMesh) -> Tensor:
    """A replicated tensor (...) that each rank uses for its shard of the work: gradients are summed over the ranks."""
    from torch.distributed.tensor import DTensor, Partial, Replicate

    whole: Tensor = DTensor.from_local(x, mesh, (Replicate(),), run_check=False).to_local(grad_placements=(Partial(),))
    return whole


def summed(part: Tensor, mesh: DeviceMesh) -> Tensor:
    """The sum of the ranks' tensors (...), equal on all ranks."""
    from torch.distributed.tensor import DTensor, Partial, Replicate

    whole: Tensor = (
        DTensor.from_local(part, mesh, (Partial(),), run_check=False).redistribute(mesh, (Replicate(),)).to_local()
    )
    return whole


def local(x: Tensor) -> Tensor:
    """This rank's shard (...), or the tensor itself if it is not sharded. In-place changes also change the tensor."""
    return x.to_local() if is_sharded(x) else x


def whole(x: Tensor) -> Tensor:
    """The full tensor (...), gathered from all ranks, which must all call this; the tensor itself if not sharded."""
    if not is_sharded(x):
        return x
    on_mesh: Any = x.to(x.device_mesh.device_type)  # offloaded shards are moved to the device first
    every: Tensor = on_mesh.full_tensor()
    return every
