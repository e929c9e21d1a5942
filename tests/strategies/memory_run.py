"""How many bytes of weights a process holds while a network is made and cut: python memory_run.py OUT."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor

from unif2ace.nets.moe.grouped import GroupedMoE
from unif2ace.nets.sharding import Sharding
from unif2ace.nets.transformer.blocks.sequential import SequentialBlock
from unif2ace.nets.transformer.unified import UnifiedNet

DEPTH = 8


def held() -> int:
    """Bytes of all storages of floating tensors that are alive."""
    tensors = [x for x in gc.get_objects() if isinstance(x, torch.Tensor)]
    tensors = [x.to_local() if isinstance(x, DTensor) else x for x in tensors]
    storages = {x.untyped_storage().data_ptr(): x.untyped_storage().nbytes() for x in tensors if x.is_floating_point()}
    return sum(storages.values())


def make(on_block_built: Callable[[nn.Module], object] | None = None) -> UnifiedNet:
    moe = GroupedMoE(num_experts=8, top_k=2, expert_ffn_dim=32, shared_ffn_dim=128)
    block = SequentialBlock
    return UnifiedNet(100, 50, 0, 1, 16, block, moe, dim=64, depth=DEPTH, heads=4, on_block_built=on_block_built)


def measure(tensor: int) -> dict[str, int]:
    mesh = init_device_mesh("cpu", (2 // tensor, tensor), mesh_dim_names=("data", "tensor"))
    sharding = Sharding(mesh["data"], mesh["tensor"], init_device_mesh("cpu", (2,)))
    before, seen = held(), []

    def built(block: nn.Module) -> None:
        seen.append(held() - before)
        sharding.unit(block)
        seen.append(held() - before)

    net = make(built)
    seen.append(held() - before)
    sharding.root(net)
    return {"peak": max(seen), "end": held() - before}


def whole() -> dict[str, int]:
    before = held()
    net = make()
    sizes = {"all": held() - before, "block": sum(p.nbytes for p in net.blocks[0].parameters())}
    return {**sizes, "root": sizes["all"] - DEPTH * sizes["block"]}


if __name__ == "__main__":
    torch.set_num_threads(1)
    rank = int(os.environ["LOCAL_RANK"])
    dist.init_process_group("gloo", rank=rank, world_size=2)
    found = {"whole": whole(), "fsdp": measure(1), "fsdp_tp": measure(2)}
    if rank == 0:
        torch.save(found, Path(sys.argv[1]))
    dist.destroy_process_group()
