"""A step that is not finite moves nothing: not a weight, not the optimiser's state, on no rank."""

from __future__ import annotations

import itertools
import logging
import socket
import sys
from dataclasses import replace
from pathlib import Path

import lightning.pytorch as pl
import pytest
import torch
from guarded import BAD, OPTIMIZERS, Guarded, fit, on_rank
from ranks import call_on_ranks
from torch import Tensor

from unif2ace.callbacks.ema import EMA
from unif2ace.losses.ar import ARLoss
from unif2ace.modules.guard import NotFiniteError
from unif2ace.modules.unified import UnifiedModule
from unif2ace.types import LossTerm, StepOutput

sys.path.append(str(Path(__file__).parents[1] / "modules"))
import unified_run


def _same(one: list[Tensor], other: list[Tensor]) -> bool:
    return len(one) == len(other) and all(map(torch.equal, one, other))


def _assert_left_out(seen: list[list[Tensor]], bad: set[int]) -> None:
    for batch in range(1, len(seen)):
        assert _same(seen[batch - 1], seen[batch]) == (batch in bad), batch
    assert all(bool(t.isfinite().all()) for t in seen[-1])


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("bad", BAD)
def test_a_bad_step_moves_neither_weights_nor_moments(optimizer: str, bad: str, caplog: pytest.LogCaptureFixture):
    module = Guarded(optimizer, bad=bad)
    with caplog.at_level(logging.WARNING):
        trainer = fit(module, {2, 4})
    _assert_left_out(module.seen, {2, 4})
    assert module.guard.skipped == trainer.callback_metrics["train/skipped_steps"] == 2
    assert trainer.global_step == 6  # a step that was left out counts as one
    assert module.rates == sorted(module.rates, reverse=True)
    assert len(set(module.rates)) == 6
    assert "step 2, batch 2: loss" in caplog.text


def test_a_bad_first_step_leaves_the_optimiser_without_state():
    module = Guarded()
    fit(module, {0}, batches=1)
    assert len(module.seen[0]) == 4  # the weights alone


def test_one_bad_micro_batch_leaves_out_its_whole_step():
    module = Guarded()
    trainer = fit(module, {4}, batches=9, accumulate_grad_batches=3)
    assert trainer.global_step == 3
    assert _same(module.seen[2], module.seen[5])
    assert not _same(module.seen[5], module.seen[8])
    assert module.guard.skipped == 1


def test_patience_ends_and_names_steps_losses_and_batches():
    module = Guarded(max_nonfinite_steps=3)
    with pytest.raises(NotFiniteError) as error:
        fit(module, {1, 3, 4, 5})
    assert [f"step {i}, batch {i}: loss nan" in str(error.value) for i in range(6)] == [False] * 3 + [True] * 3
    assert "1, batch" not in str(error.value)
    assert all(bool(p.isfinite().all()) for p in module.parameters())


def test_a_finite_step_makes_patience_anew():
    module = Guarded(max_nonfinite_steps=2)
    fit(module, {0, 2, 4})
    assert module.guard.skipped == 3


def test_all_ranks_leave_out_what_is_bad_on_one(tmp_path: Path):
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    call_on_ranks(on_rank, port, str(tmp_path))
    for rank in range(2):
        found = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        for way in ("ddp", "fsdp"):
            _assert_left_out(found[way]["seen"], {2})
            assert (found[way]["skipped"], found[way]["steps"]) == (1, 6), way
        assert "step 1, batch 1: loss 0." in found["error"]
        assert "/nan" in found["error"]


def test_averages_leave_it_out_too():
    module, ema, kept = Guarded(), EMA(0.5), []

    class Keeps(pl.Callback):
        def on_train_batch_start(self, *_: object) -> None:
            kept.append({name: value.clone() for name, value in ema._averages.items()})

    fit(module, {2}, callbacks=[ema, Keeps()])
    moved = [any(not torch.equal(a[n], b[n]) for n in a) for a, b in itertools.pairwise(kept)]
    assert moved == [True, True, False, True, True]


def test_the_projects_modules_are_guarded(monkeypatch: pytest.MonkeyPatch):
    """One step of three has an infinite loss; its weights are those of the step before."""
    seen = []
    compute = ARLoss.compute

    def bad(self: ARLoss, step: StepOutput) -> LossTerm:
        term = compute(self, step)
        return replace(term, total=term.total + float("inf")) if len(seen) == 1 else term

    monkeypatch.setattr(ARLoss, "compute", bad)
    monkeypatch.setattr(
        UnifiedModule,
        "on_train_batch_end",
        lambda self, *_: seen.append([p.detach().clone() for p in self.parameters()]),
    )
    module = unified_run.train()
    assert _same(seen[0], seen[1])
    assert not _same(seen[1], seen[2])
    assert module.guard.skipped == 1
