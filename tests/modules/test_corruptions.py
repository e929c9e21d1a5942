"""Several corrupted images for one caption: the same losses and gradients as sequences of their own."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from test_unified_module import stepped
from torch import Tensor
from unified_run import GENERATE, batch

from unif2ace.diffusion.forward_processes.absorbing import AbsorbingProcess
from unif2ace.diffusion.forward_processes.base import ForwardProcess
from unif2ace.diffusion.forward_processes.hybrid import HybridProcess
from unif2ace.diffusion.forward_processes.uniform import UniformProcess
from unif2ace.diffusion.noise import SampleNoise
from unif2ace.diffusion.noise_schedules.linear import LinearSchedule
from unif2ace.errors import ConfigError
from unif2ace.losses.ar import ARLoss
from unif2ace.losses.base import LossCallback
from unif2ace.losses.d3diff import D3DiffLoss
from unif2ace.losses.gidd import GIDDLoss
from unif2ace.losses.load_balance import LoadBalanceLoss
from unif2ace.losses.mdlm import MDLMLoss
from unif2ace.losses.radd import RADDLoss
from unif2ace.losses.router_z import RouterZLoss
from unif2ace.losses.sedd import SEDDLoss
from unif2ace.modules.unified import UnifiedModule
from unif2ace.types import Batch, StepOutput

COPIES = 3
ABSORBING, UNIFORM, HYBRID = (kind(LinearSchedule()) for kind in (AbsorbingProcess, UniformProcess, HybridProcess))
LOSSES: dict[str, tuple[Callable[[], LossCallback], ForwardProcess]] = {
    "d3diff": (D3DiffLoss, ABSORBING),
    "d3diff, fixed": (lambda: D3DiffLoss(reduction="fixed", score_scale="paper"), ABSORBING),
    "mdlm": (MDLMLoss, ABSORBING),
    "radd": (RADDLoss, ABSORBING),
    "sedd": (lambda: SEDDLoss(ABSORBING), ABSORBING),
    "sedd, uniform": (lambda: SEDDLoss(UNIFORM), UNIFORM),
    "gidd": (lambda: GIDDLoss(HYBRID), HYBRID),
    "ar": (lambda: ARLoss(first_token_weight=2.0), ABSORBING),
    "load_balance": (LoadBalanceLoss, ABSORBING),
    "router_z": (RouterZLoss, ABSORBING),
}


def _module(loss: LossCallback, process: ForwardProcess, copies: int) -> UnifiedModule:
    made = stepped(corruptions=copies, forward_process=process)
    made.double().trainer.callbacks = [loss]
    return made


def _apart(given: Batch) -> tuple[Batch, Tensor]:
    """The batch with each sample that generates once for every copy, and the rows of the noise of its samples."""
    each = torch.cat([torch.arange(GENERATE).repeat_interleave(COPIES), torch.arange(GENERATE, len(given))])
    copies = torch.arange(COPIES).repeat(GENERATE)
    noise = each * COPIES + torch.cat([copies, torch.zeros(len(given) - GENERATE, dtype=torch.int64)])
    return given.map(lambda x: x[each]), noise


def _learn(made: UnifiedModule, loss: LossCallback, given: Batch) -> tuple[StepOutput, Tensor, dict[str, Tensor]]:
    step = made.step_output(given)
    mean = loss.compute(step).mean
    mean.backward()
    return step, mean.detach(), {n: p.grad for n, p in made.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("name", LOSSES)
def test_losses_and_gradients_are_those_of_separate_sequences(name: str, monkeypatch: pytest.MonkeyPatch):
    make, process = LOSSES[name]
    loss, given = make(), batch(0)
    shared, mean, gradients = _learn(_module(loss, process, COPIES), loss, given)
    assert len(shared.unified.corrupted.x0) == GENERATE * COPIES
    assert shared.unified.sequences.tokens("ids").numel() > 0
    apart, rows = _apart(given)
    drawn = SampleNoise.draw
    noise = drawn(0, 0, given.index, given.image_ids.shape[1], COPIES)[rows]
    monkeypatch.setattr(SampleNoise, "draw", lambda *_: noise)
    other, wanted, grads = _learn(_module(loss, process, 1), loss, apart)
    assert torch.equal(shared.unified.corrupted.xt, other.unified.corrupted.xt)
    assert other.unified.sequences.tokens("ids").numel() > shared.unified.sequences.tokens("ids").numel()
    torch.testing.assert_close(mean, wanted)
    assert gradients.keys() == grads.keys()
    for key, value in gradients.items():
        torch.testing.assert_close(value, grads[key], rtol=1e-6, atol=1e-9, msg=lambda m, k=key: f"{k}: {m}")


def test_routers_count_shared_text_once_for_every_copy(monkeypatch: pytest.MonkeyPatch):
    loss, given = LoadBalanceLoss(), batch(0)
    shared = _module(loss, ABSORBING, COPIES).step_output(given)
    apart, rows = _apart(given)
    noise = SampleNoise.draw(0, 0, given.index, given.image_ids.shape[1], COPIES)[rows]
    monkeypatch.setattr(SampleNoise, "draw", lambda *_: noise)
    wanted = _module(loss, ABSORBING, 1).step_output(apart)
    for found, stats in zip(shared.unified.routers, wanted.unified.routers, strict=True):
        for field in ("assigned", "probability", "count", "z"):
            torch.testing.assert_close(getattr(found, field), getattr(stats, field))


def test_validation_corrupts_each_image_once():
    made = _module(D3DiffLoss(), ABSORBING, COPIES).eval()
    assert len(made.step_output(batch(0)).unified.corrupted.x0) == GENERATE


def test_the_first_copy_is_the_only_one_of_a_run_without_copies():
    one, many = (_module(D3DiffLoss(), ABSORBING, n).step_output(batch(0)).unified.corrupted for n in (1, COPIES))
    assert torch.equal(one.xt, many.xt[::COPIES])
    assert torch.equal(one.sample.repeat_interleave(COPIES), many.sample)


def test_there_is_at_least_one():
    with pytest.raises(ConfigError, match=r"module.corruptions=0: it must be 1 or more"):
        stepped(corruptions=0)
