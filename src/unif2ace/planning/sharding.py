"""How a strategy divides a module among ranks: runs the strategy's own sharding on a fake process group."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from omegaconf import DictConfig, OmegaConf

from unif2ace.engine.resolvers import world_size
from unif2ace.errors import ConfigError
from unif2ace.planning.subject import Subject

Kind = Literal["single", "ddp", "fsdp"]


@dataclass(frozen=True, slots=True)
class ParallelLayout:
    """Ranks and parallelism.

    Attributes:
        kind: ``single`` process; ``ddp``: every rank holds the whole module; ``fsdp``: every rank holds a shard.
        data: Number of data-parallel ranks.
        tensor: Number of tensor-parallel ranks.
    """

    kind: Kind
    data: int
    tensor: int = 1

    @property
    def ranks(self) -> int:
        """Total number of ranks."""
        return self.data * self.tensor

    def __str__(self) -> str:
        return self.kind if self.tensor == 1 else f"{self.kind}, tensor parallel {self.tensor}"


def layout(config: DictConfig, ranks: int | None = None) -> ParallelLayout:
    """The parallel layout of a configuration.

    Args:
        config: Composed from ``train.yaml``.
        ranks: Number of ranks; None for the configured number.

    Raises:
        ConfigError: If the strategy is unknown, or does not fit the number of ranks.
    """
    ranks = ranks or world_size(config.trainer.num_nodes, config.trainer.devices)
    node = config.trainer.strategy
    if OmegaConf.is_config(node):
        name, tensor = str(node._target_).split(".")[-2], int(node.get("tensor_parallel_size", 1))
    else:
        name, tensor = str(node), 1
    if name == "auto" or (name == "ddp" and ranks == 1):
        name = "ddp" if ranks > 1 else "single"
    if name not in ("single", "ddp", "fsdp", "fsdp_tp"):
        raise ConfigError(f"strategy={name} cannot be planned: use auto, ddp, fsdp or fsdp_tp")
    if ranks % tensor:
        raise ConfigError(f"strategy.tensor_parallel_size={tensor} does not divide {ranks} ranks")
    return ParallelLayout(
        "fsdp" if name.startswith("fsdp") else "ddp" if name == "ddp" else "single", ranks // tensor, tensor
    )


@dataclass(frozen=True, slots=True)
class Shares:
    """The share of one rank.

    Attributes:
        numel: Elements of each parameter on the first rank, by name; no rank holds more.
        units: Bytes of each separately gathered FSDP unit, the root last; empty without FSDP.
    """

    numel: dict[str, int]
    units: tuple[int, ...] = ()


def shares(subject: Subject, where: ParallelLayout) -> Shares:
    """Divides the module's parameters among ranks.

    Args:
        subject: The planned module.
        where: The parallel layout.

    Raises:
        ConfigError: If the parameters cannot be divided.
    """
    module = subject.module
    if where.kind != "fsdp":
        return Shares({name: p.numel() for name, p in module.named_parameters()})
    from torch.distributed.fsdp import FSDPModule
    from torch.distributed.tensor import DTensor

    with _sharding(where) as cuts:
        net = subject.cut(cuts)
        units = [m for m in net.modules() if isinstance(m, FSDPModule)]
        names = {f"net.{name}": p for name, p in net.named_parameters()}
        own = {name: (p.to_local() if isinstance(p, DTensor) else p).numel() for name, p in names.items()}
        whole = {name: p.numel() for name, p in module.named_parameters() if name not in own}
        divided = {id(p): _gathered(p) for p in names.values()}
    inner = [m for m in units if m is not net]
    of_units = [sum(divided[id(p)] for p in m.parameters()) for m in inner]
    return Shares(own | whole, (*of_units, sum(divided.values()) - sum(of_units)))


def _gathered(parameter: Any) -> int:
    """Bytes of a parameter once FSDP has gathered it; tensor-parallel parameters remain divided."""
    from torch.distributed.tensor import DTensor

    if not isinstance(parameter, DTensor):
        return int(parameter.nbytes)
    mesh, names = parameter.device_mesh, parameter.device_mesh.mesh_dim_names or ()
    size = mesh.size(names.index("tensor_parallel")) if "tensor_parallel" in names else 1
    cut = size > 1 and parameter.placements[names.index("tensor_parallel")].is_shard()
    return int(parameter.numel() * parameter.element_size() // (size if cut else 1))


@contextlib.contextmanager
def _sharding(where: ParallelLayout) -> Iterator[Any]:
    """The strategy's `Sharding`, on a fake process group."""
    import torch.distributed as dist
    from torch.distributed.device_mesh import init_device_mesh
    from torch.testing._internal.distributed.fake_pg import FakeStore

    from unif2ace.nets.sharding import Sharding

    dist.init_process_group("fake", store=FakeStore(), rank=0, world_size=where.ranks)
    try:
        mesh = init_device_mesh("cpu", (where.data, where.tensor), mesh_dim_names=("data_parallel", "tensor_parallel"))
        data, tensor = mesh["data_parallel"], mesh["tensor_parallel"]
        every = data if where.tensor == 1 else init_device_mesh("cpu", (where.ranks,), mesh_dim_names=("every",))
        yield Sharding(data, tensor, every)
    finally:
        dist.destroy_process_group()
