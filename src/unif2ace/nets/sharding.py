"""How a network is laid over several processes: FSDP2 by units, and tensor parallelism within them.

What is cut stands beside the code that is cut: a network names its units and entries (`Shardable`), and a layer that
tensor parallelism divides can be cut (`Divisible`). Everything else is left whole within its unit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import FSDPModule, fully_shard, register_fsdp_forward_method
from torch.distributed.tensor import DTensor, Partial, Replicate, Shard, distribute_tensor

from unif2ace.errors import ConfigError


@runtime_checkable
class Shardable(Protocol):
    """A network that says how it is cut; any other is one unit, entered through `forward` alone."""

    fsdp_methods: Sequence[str]
    """Methods beside `forward` that read weights of the network itself."""

    def fsdp_modules(self) -> Iterable[nn.Module]:
        """Modules that are gathered and let go one after the other, such as blocks."""


@runtime_checkable
class Divisible(Protocol):
    """A layer that tensor parallelism divides."""

    def shard_(self, mesh: DeviceMesh) -> None:
        """Leaves each rank its part of the weights."""


@dataclass(frozen=True)
class Sharding:
    """Cuts networks: each unit's weights over the ranks that see other data, or other heads and hidden numbers.

    Args:
        data: Ranks that see different rows.
        tensor: Ranks that share the work on the same rows.
        every: All ranks: the root's weights, such as an embedding, are cut over both kinds.
        root_options: Of `fully_shard`, for what units have left.
        unit_options: Likewise, for units.
    """

    data: DeviceMesh
    tensor: DeviceMesh
    every: DeviceMesh
    root_options: dict[str, Any] = field(default_factory=dict)
    unit_options: dict[str, Any] = field(default_factory=dict)

    def unit(self, module: nn.Module) -> None:
        """Cuts a part of a network as soon as it is made, so that the whole never exists in one place."""
        if isinstance(module, FSDPModule):
            return
        if self.tensor.size() > 1:
            for part in module.modules():
                if isinstance(part, Divisible):
                    part.shard_(self.tensor)
        fully_shard(module, mesh=self.data, **self.unit_options)

    def root(self, net: nn.Module) -> None:
        """Cuts what the units have left of a network.

        Raises:
            ConfigError: If tensor parallelism is asked for, and no part of the network can be split so.
        """
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
        """Averages gradients of weights that some ranks hold alike: over all ranks where they are not cut at all, over
        the ranks that share rows where only those of other rows divide them. Calling it again changes nothing.
        """
        whole, replicated = [], []
        for parameter in parameters:
            if parameter.grad is None:
                continue
            if not isinstance(parameter.grad, DTensor):
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


def shard_weight_(module: nn.Module, name: str, axis: int, mesh: DeviceMesh, what: str) -> None:
    """Leaves each rank its part of a weight.

    Args:
        module: Whose weight it is.
        name: Of the weight.
        axis: Along which it is cut.
        mesh: The ranks.
        what: What is counted along the axis, for the message.

    Raises:
        ConfigError: If the ranks cannot have equal parts.
    """
    weight = getattr(module, name)
    if isinstance(weight, DTensor):
        return
    if weight.shape[axis] % mesh.size():
        raise ConfigError(
            f"strategy.tensor_parallel_size={mesh.size()} does not divide {what}, {weight.shape[axis]}: change either"
        )
    # every rank has drawn the same values: nothing is sent
    part = distribute_tensor(weight.detach(), mesh, [Shard(axis)], src_data_rank=None)
    setattr(module, name, nn.Parameter(part, requires_grad=weight.requires_grad))


def shared(x: Tensor, mesh: DeviceMesh) -> Tensor:
    """A tensor that all ranks have alike and each uses for its part: its gradient is the sum over the ranks."""
    whole: Tensor = DTensor.from_local(x, mesh, (Replicate(),), run_check=False).to_local(grad_placements=(Partial(),))
    return whole


def summed(part: Tensor, mesh: DeviceMesh) -> Tensor:
    """The sum of the ranks' tensors, alike on all of them."""
    whole: Tensor = (
        DTensor.from_local(part, mesh, (Partial(),), run_check=False).redistribute(mesh, (Replicate(),)).to_local()
    )
    return whole


def local(x: Tensor) -> Tensor:
    """This rank's part; the tensor itself if it is not cut. Writing to it writes to the whole."""
    return x.to_local() if isinstance(x, DTensor) else x


def whole(x: Tensor) -> Tensor:
    """All of a tensor, gathered from the ranks, which must all call this; the tensor itself if it is not cut."""
    if not isinstance(x, DTensor):
        return x
    on_mesh: Any = x.to(x.device_mesh.device_type)  # offloaded parts travel through the device
    every: Tensor = on_mesh.full_tensor()
    return every
