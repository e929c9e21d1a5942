"""Routers that balance themselves, in training and on ranks; losses that do not apply to a router."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import unified_run
from ranks import call_on_ranks
from torch import Tensor

from unif2ace.errors import ConfigError
from unif2ace.losses.ar import ARLoss
from unif2ace.losses.base import LossCallback
from unif2ace.losses.d3diff import D3DiffLoss
from unif2ace.losses.load_balance import LoadBalanceLoss
from unif2ace.losses.router_z import RouterZLoss
from unif2ace.modules.router_balance import RouterBalance, check_router_losses
from unif2ace.modules.unified import UnifiedModule
from unif2ace.nets.moe.grouped import GroupedMoE
from unif2ace.nets.moe.routers.expert_choice import ExpertChoiceRouter
from unif2ace.nets.moe.routers.noisy_top_k import NoisyTopKRouter
from unif2ace.nets.moe.routers.sigmoid import SigmoidRouter
from unif2ace.nets.moe.routers.top_k import TopKRouter

SPEED = 0.125


class Nonfinite(UnifiedModule):
    """A module whose second step has no finite loss."""

    def objective(self, step, stage: str) -> Tensor:
        return super().objective(step, stage) * (float("nan") if self.global_step == 1 else 1)


def _trained(monkeypatch: pytest.MonkeyPatch, kind: type[UnifiedModule], steps: int, **options) -> UnifiedModule:
    router = partial(SigmoidRouter, bias_update_speed=SPEED)
    monkeypatch.setattr(unified_run, "GroupedMoE", partial(GroupedMoE, router=router))
    made = unified_run.module(kind)
    run = unified_run.trainer([D3DiffLoss(), ARLoss()], limit_val_batches=0, limit_train_batches=steps, **options)
    run.fit(made, datamodule=unified_run.Data())
    return made


def _biases(module: UnifiedModule) -> Tensor:
    return torch.stack([m.bias for m in module.net.modules() if isinstance(m, SigmoidRouter)])


def test_the_bias_moves_once_per_step_and_not_in_a_skipped_one(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(unified_run.pl, "Trainer", partial(unified_run.pl.Trainer, max_epochs=1))
    one = _biases(_trained(monkeypatch, UnifiedModule, 1))
    assert set(one.unique().tolist()) <= {-SPEED, 0, SPEED}
    assert one.flatten(1).any(1).all()
    assert torch.equal(_biases(_trained(monkeypatch, Nonfinite, 2)), one)
    accumulated = _biases(_trained(monkeypatch, UnifiedModule, 3, accumulate_grad_batches=3))
    assert set(accumulated.unique().tolist()) <= {-SPEED, 0, SPEED}


def _layers() -> torch.nn.ModuleList:
    torch.manual_seed(0)
    moe = GroupedMoE(4, 2, 8, 16, router=partial(SigmoidRouter, bias_update_speed=SPEED))
    return torch.nn.ModuleList(moe.token_layer(16).double() for _ in range(2))


def _routed(net: torch.nn.ModuleList, rank: int, balance: RouterBalance) -> None:
    x = torch.randn(2, 5, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(rank))
    group, real = torch.tensor([0, 1]), torch.ones(2, 5, dtype=torch.bool)
    balance.see(net, [layer.routed.router(x, group, real).stats for layer in net])


def _rank(rank: int, folder: str) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    net, balance = _layers(), RouterBalance()
    _routed(net, rank, balance)

    def over_ranks(counts: Tensor) -> Tensor:
        dist.all_reduce(counts)
        return counts

    balance.step(net, over_ranks)
    torch.save(torch.stack([layer.routed.router.bias for layer in net]), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def test_ranks_have_the_bias_of_one_process(tmp_path: Path):
    call_on_ranks(_rank, str(tmp_path))
    net, balance = _layers(), RouterBalance()
    for rank in range(2):
        _routed(net, rank, balance)
    balance.step(net, lambda counts: counts)
    expected = torch.stack([layer.routed.router.bias for layer in net])
    assert expected.any()
    for rank in range(2):
        assert torch.equal(torch.load(tmp_path / f"{rank}.pt"), expected)


@pytest.mark.parametrize(
    ("router", "loss", "reason"),
    [
        (ExpertChoiceRouter, LoadBalanceLoss(), "constant"),
        (SigmoidRouter, RouterZLoss(), "do not have"),
        (ExpertChoiceRouter, LoadBalanceLoss(token_weight=0, sequence_weight=1), None),
        (ExpertChoiceRouter, RouterZLoss(), None),
        (SigmoidRouter, LoadBalanceLoss(), None),
        (NoisyTopKRouter, LoadBalanceLoss(), None),
        (TopKRouter, RouterZLoss(), None),
    ],
)
def test_a_loss_that_cannot_apply_says_why(router: type, loss: LossCallback, reason: str | None):
    net = GroupedMoE(4, 2, 8, 16, router=router).token_layer(16)
    if reason is None:
        check_router_losses(net, [loss])
        return
    with pytest.raises(ConfigError, match=reason) as caught:
        check_router_losses(net, [loss])
    assert f"loss.{loss.name}.token_weight=0" in str(caught.value)
