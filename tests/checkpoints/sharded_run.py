"""One of two processes that train a sharded network, save, fail to save, and load: sharded_run.py FOLDER.

The environment names which one it is. Writes what it found to FOLDER/found_RANK.json.
"""

from __future__ import annotations

import json
import os
import pickle
import shutil
import sys
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

from unif2ace.checkpoints.converting import convert
from unif2ace.checkpoints.naming import NAMES, names_of
from unif2ace.checkpoints.sharded import load_sharded, save_sharded
from unif2ace.checkpoints.writing import HashedFile
from unif2ace.errors import DataError

SIZE = 8


class Net(nn.Module):
    """Two layers of one shape, so that moments of the wrong one would fit, a buffer, and a part that is whole."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(SIZE, SIZE), nn.Linear(SIZE, SIZE)
        self.whole = nn.Linear(SIZE, SIZE)
        self.register_buffer("count", torch.zeros(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.whole(self.second(self.first(x).tanh()))


def make(shard: bool = True, seed: int = 0) -> tuple[Net, torch.optim.Optimizer]:
    """The network and its optimiser, whose groups stand in another order than the network's parameters."""
    torch.manual_seed(seed)
    net = Net()
    if shard:
        mesh = init_device_mesh("cpu", (dist.get_world_size(),))
        fully_shard(net.first, mesh=mesh)
        fully_shard(net.second, mesh=mesh)
    rates = (net.second, 0.1), (net.first, 0.2), (net.whole, 0.3)
    return net, torch.optim.AdamW([{"params": list(part.parameters()), "lr": rate} for part, rate in rates])


def train(net: Net, optimizer: torch.optim.Optimizer, steps: range) -> None:
    for step in steps:
        x = torch.randn(4, SIZE, generator=torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        net(x).square().mean().backward()
        optimizer.step()
        net.count += 1


def whole(net: Net) -> dict[str, torch.Tensor]:
    return {n: (v.full_tensor() if hasattr(v, "full_tensor") else v).clone() for n, v in net.state_dict().items()}


def checkpoint(net: Net, optimizer: torch.optim.Optimizer, step: int) -> dict:
    from torch.distributed.checkpoint.state_dict import get_model_state_dict, get_optimizer_state_dict

    current = get_model_state_dict(net)
    return {
        "global_step": step,
        "state_dict": {name: value * 2 for name, value in current.items()},  # stands for the averaged weights
        "current_model_state": current,
        "optimizer_states": [get_optimizer_state_dict(net, optimizer)],
        NAMES: [names_of(net, optimizer)],
        "loops": {"epoch": 3},
    }


def resumed(path: Path) -> dict[str, torch.Tensor]:
    """What comes of loading and training on."""
    net, optimizer = make(seed=9)
    rest = load_sharded(path, net, [optimizer])
    assert rest["loops"] == {"epoch": 3}
    assert all(torch.equal(net.state_dict()[n].to_local() if hasattr(v, "to_local") else net.state_dict()[n],
                           v.to_local() if hasattr(v, "to_local") else v)
               for n, v in rest["state_dict"].items())  # fmt: skip
    net.load_state_dict(rest["current_model_state"])
    train(net, optimizer, range(3, 6))
    return whole(net)


def equal(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[n], b[n]) for n in a)


def failure(work) -> str:
    try:
        work()
    except DataError as error:
        return f"{type(error).__name__}: {error}"
    return "none"


class Evil:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def join(rank: int, file: Path) -> None:
    patience = timedelta(seconds=60)
    dist.init_process_group("gloo", init_method=f"file://{file}", rank=rank, world_size=2, timeout=patience)


def process(rank: int, folder: Path, found: dict) -> None:
    join(rank, folder / "before")
    net, optimizer = make()
    train(net, optimizer, range(3))
    first = folder / "step-00000003"
    save_sharded(checkpoint(net, optimizer, 3), first)
    saved = whole(net)
    train(net, optimizer, range(3, 6))
    target = whole(net)

    found["resumed"] = equal(resumed(first), target)
    dist.destroy_process_group()
    if rank == 0:
        convert(first, folder / "single")
        convert(folder / "single", folder / "again")
    join(rank, folder / "after")
    net, optimizer = make()
    found["from single"] = equal(resumed(folder / "single"), target)
    found["from single, sharded by one"] = equal(resumed(folder / "again"), target)

    write = os.fsync
    if rank == 1:
        os.fsync = lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    found["full"] = failure(lambda: save_sharded(checkpoint(net, optimizer, 6), folder / "step-00000006"))
    os.fsync = write
    writing = HashedFile.write
    if rank == 0:
        HashedFile.write = lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    found["full later"] = failure(lambda: save_sharded(checkpoint(net, optimizer, 6), folder / "step-00000006"))
    HashedFile.write = writing
    dist.barrier()
    found["there"] = sorted(p.name for p in folder.iterdir() if p.name.startswith("step"))

    if rank == 0:
        shutil.copytree(first, folder / "flipped")
        shard = next((folder / "flipped").glob("__1_*"))
        data = bytearray(shard.read_bytes())
        data[len(data) // 2] ^= 1
        shard.write_bytes(data)
    dist.barrier()
    found["flipped"] = failure(lambda: load_sharded(folder / "flipped", *[make()[0], []]))
    if rank == 0:
        torch.save({"whole": saved, "found": dict(found)}, folder / "first.pt")
    (folder / f"found_{rank}.json").write_text(json.dumps(found))
    dist.destroy_process_group()


def evil_contents(folder: Path, marker: Path) -> None:
    """Makes the table of contents one that runs code."""
    (folder / ".metadata").write_bytes(pickle.dumps(Evil(marker)))


def main() -> None:
    torch.set_num_threads(1)
    folder = Path(sys.argv[1])
    process(int(os.environ["LOCAL_RANK"]), folder, {})


if __name__ == "__main__":
    main()
