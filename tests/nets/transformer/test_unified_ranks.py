"""Two processes, of which one has no row that generates and no condition: gradients are those of one process."""

from __future__ import annotations

import os
import socket

import pytest
import torch
import torch.distributed as dist
from ranks import call_on_ranks
from unified_nets import rows, small

from unif2ace.sequence.positions import answer, image


def _loss(net, logits_of, sequence, conditions):
    hidden = net(sequence, conditions)
    codes, text = logits_of(
        [
            (hidden.values[image(sequence)], "codebook"),
            (hidden.values[answer(sequence)], "text"),
        ]
    )
    return codes.logsumexp(-1).sum() + text.logsumexp(-1).sum()


def _work(rank):
    above, below, conditions = rows(small())
    return (above, None) if rank == 0 else (below, conditions)


class _Step(torch.nn.Module):
    """Forward pass and loss in one, as a training module has them."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, sequence, conditions):
        return _loss(self.net, self.net.logits_of, sequence, conditions)


def _sharded(net):
    from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method

    for block in net.blocks:
        fully_shard(block)
    for resampler in net.conditioning.resamplers.values():
        fully_shard(resampler)
    fully_shard(net)
    register_fsdp_forward_method(net, "logits_of")
    return net


def _rank(rank, port, folder):
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=2)
    for kind in ("ddp", "fsdp"):
        _train(rank, kind, f"{folder}/{kind}.pt")
    dist.destroy_process_group()


def _train(rank, kind, path):
    net = small()
    step = _Step(net)
    if kind == "ddp":
        step = torch.nn.parallel.DistributedDataParallel(step)
    else:
        _sharded(net)
    for _ in range(2):  # the second time shows whether the first has left something behind
        net.zero_grad()
        step(*_work(rank)).backward()
    full = {n: p.grad.full_tensor() if kind == "fsdp" else p.grad for n, p in net.named_parameters()}
    if rank == 0:
        torch.save(full, path)


@pytest.mark.slow
def test_gradients_of_two_ranks_are_those_of_one(tmp_path):
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    call_on_ranks(_rank, port, str(tmp_path))
    net = small()
    for rank in range(2):
        (_loss(net, net.logits_of, *_work(rank)) / 2).backward()
    for kind in ("ddp", "fsdp"):
        found = torch.load(tmp_path / f"{kind}.pt")
        for name, parameter in net.named_parameters():
            torch.testing.assert_close(found[name], parameter.grad, atol=1e-10, rtol=1e-8)
