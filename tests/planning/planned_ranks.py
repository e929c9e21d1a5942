"""One of two processes with FSDP2 by hand: what each really holds. python planned_ranks.py OUT OVERRIDE..."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import torch
import torch.distributed as dist
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor

from unif2ace.engine import compose
from unif2ace.planning.subject import subject


def local(value: torch.Tensor) -> torch.Tensor:
    return value.to_local() if isinstance(value, DTensor) else value


def held(rank: int, out: str, overrides: list[str]) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{out}.store", rank=rank, world_size=2)
    module = subject(compose("train", overrides)).make()
    module.configure_model()
    for block in module.net.blocks:
        fully_shard(block)
    fully_shard(module.net)
    optimizer = module._make_optimizer(module.optimizer_groups())
    for parameter in module.net.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    found = {
        "weights": {name: local(p).nbytes for name, p in module.named_parameters()},
        "gradients": sum(local(p.grad).nbytes for p in module.net.parameters()),
        "state": sum(local(v).nbytes for s in optimizer.state.values() for v in s.values() if hasattr(v, "nbytes")),
    }
    Path(f"{out}.{rank}").write_text(json.dumps(found))
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    out, *overrides = sys.argv[1:]
    held(int(os.environ["LOCAL_RANK"]), out, overrides)
