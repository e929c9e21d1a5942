"""Experts whose weights lie on two ranks: cut for tensor parallelism, by FSDP, and copied by DDP."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from moe_sequences import apply, sequence_of
from ranks import call_on_ranks
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, Shard, distribute_tensor
from torch.nn.parallel import DistributedDataParallel

from unif2ace.errors import ConfigError
from unif2ace.nets.moe.grouped import GroupedMoE
from unif2ace.types import Condition, TokenSequence

D = 16


class _Block(nn.Module):
    """Both levels, one after the other; 6 experts of a group, of which some are starved."""

    def __init__(self) -> None:
        super().__init__()
        moe = GroupedMoE(num_experts=6, top_k=2, expert_ffn_dim=8, shared_ffn_dim=24)
        self.token_moe, self.sequence_moe = moe.token_layer(D), moe.sequence_layer(D, ["noise", "clip"])
        with torch.no_grad():
            self.token_moe.routed.router.weight[4:6] = -50

    def forward(self, x: Tensor, sequence: TokenSequence, conditions: dict[str, Condition]) -> Tensor:
        x = x + apply(self.token_moe, x, sequence)[0]
        return x + apply(self.sequence_moe, x, sequence, conditions)[0]


def _block() -> _Block:
    torch.manual_seed(0)
    return _Block()


def _inputs(rank: int | None) -> tuple[Tensor, TokenSequence, dict[str, Condition]]:
    """Samples of generation on rank 0, of understanding on rank 1; both tasks for None."""
    sequence = sequence_of(2 * (rank != 1), 2 * (rank != 0))
    whole = sequence_of()
    x = torch.rand(*whole.ids.shape, D, generator=torch.Generator().manual_seed(1))
    rows = slice(None) if rank is None else slice(2 * rank, 2 * rank + 2)
    x, values = x[rows], torch.randn(4, 1, D, generator=torch.Generator().manual_seed(2))[rows]
    present = torch.ones(len(x), dtype=torch.bool)
    length = sequence.ids.shape[1]
    if rank == 0:  # its rows are padded on the left
        x = x[:, x.shape[1] - length :]
    return x[:, :length], sequence, {name: Condition(values, present) for name in ("noise", "clip")}


def _gradients(net: nn.Module, rank: int | None) -> Tensor:
    x, sequence, conditions = _inputs(rank)
    out = net(x, sequence, conditions)[sequence.real]
    out.square().sum().backward()
    return out.detach()


def _tensor_parallel(rank: int) -> nn.Module:
    block, mesh = _block(), init_device_mesh("cpu", (2,))
    for name in ("weight_in", "weight_out"):
        weight = getattr(block.token_moe.routed, name)
        setattr(block.token_moe.routed, name, nn.Parameter(distribute_tensor(weight.detach(), mesh, [Shard(2)])))
    _gradients(block, None)
    return block


def _fsdp(rank: int) -> nn.Module:
    block = _block()
    fully_shard(block.token_moe)
    fully_shard(block)
    _gradients(block, rank)
    return block


def _ddp(rank: int) -> nn.Module:
    block = DistributedDataParallel(_block())
    _gradients(block, rank)
    return block.module


WAYS = {"tensor parallel": (_tensor_parallel, 1.0), "fsdp": (_fsdp, 0.5), "ddp": (_ddp, 0.5)}


def _wrong_shards() -> str:
    block, mesh = _block(), init_device_mesh("cpu", (2,))
    routed = block.token_moe.routed
    routed.weight_in = nn.Parameter(distribute_tensor(routed.weight_in.detach(), mesh, [Shard(0)]))
    routed.weight_out = nn.Parameter(distribute_tensor(routed.weight_out.detach(), mesh, [Shard(0)]))
    with pytest.raises(ConfigError) as error:
        _gradients(block, None)
    return str(error.value)


def _rank(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    grads = {}
    for way, (run, _) in WAYS.items():
        for name, parameter in run(rank).named_parameters():
            grad = parameter.grad
            grads[way, name] = grad.full_tensor() if isinstance(grad, DTensor) else grad
    message = _wrong_shards()
    torch.save((grads, message), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def test_gradients_are_those_of_one_process(tmp_path: Path):
    call_on_ranks(_rank, str(tmp_path))
    block = _block()
    _gradients(block, None)
    expected = dict(block.named_parameters())
    for rank in range(2):
        grads, message = torch.load(tmp_path / f"{rank}.pt")
        assert "along axis 2" in message
        for (way, name), grad in grads.items():
            reference = expected[name].grad * WAYS[way][1]  # ranks' gradients are averaged
            largest = float(reference.abs().max())
            torch.testing.assert_close(
                grad, reference, rtol=0, atol=2e-6 * largest, msg=lambda m, w=way, n=name: f"{w} {n}: {m}"
            )
    assert {name for _, name in grads} == set(expected)
    assert not expected["token_moe.routed.weight_in"].grad[4:6].any()
