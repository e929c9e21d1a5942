"""The losses of image tokens against the numbers of other implementations."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from unif2ace.diffusion.forward_processes.absorbing import AbsorbingProcess
from unif2ace.diffusion.forward_processes.hybrid import HybridProcess
from unif2ace.diffusion.forward_processes.uniform import UniformProcess
from unif2ace.diffusion.noise_schedules.base import NoiseSchedule
from unif2ace.diffusion.noise_schedules.cosine_mdlm import CosineMdlmSchedule
from unif2ace.diffusion.noise_schedules.geometric import GeometricSchedule
from unif2ace.diffusion.noise_schedules.linear import LinearSchedule
from unif2ace.diffusion.noise_schedules.log_linear import LogLinearSchedule
from unif2ace.losses.gidd import GIDDLoss
from unif2ace.losses.mdlm import MDLMLoss
from unif2ace.losses.nelbo import NELBOLoss
from unif2ace.losses.radd import RADDLoss
from unif2ace.losses.sedd import SEDDLoss
from unif2ace.sequence.positions import image
from unif2ace.types import Batch, CorruptedTokens, Logits, Role, StepOutput, TokenSequence, UnifiedStep

SCHEDULES = {
    "loglinear": LogLinearSchedule(1e-3),
    "geometric": GeometricSchedule(1e-4, 20.0),
    "cosine": CosineMdlmSchedule(1e-3),
}


def _golden(file: str, case: str) -> dict[str, Tensor]:
    path = Path(__file__).parents[2] / f"../shared/fixtures/diffusion/{file}.safetensors"
    if not path.is_file():
        pytest.skip(f"needs the golden numbers at {path}")
    return {k.removeprefix(f"{case}."): v for k, v in load_file(path).items() if k.startswith(f"{case}.")}


def _of_samples(loss: NELBOLoss, schedule: NoiseSchedule, log_p: Tensor, x0: Tensor, xt: Tensor, t: Tensor) -> Tensor:
    """What a loss makes of each sample alone, a sum over its tokens."""
    rows, tokens = x0.shape
    t = t.to(log_p.dtype)
    sequence = TokenSequence(
        ids=xt,
        role=torch.full_like(xt, Role.IMAGE),
        task=torch.ones(rows, dtype=torch.int8),
        position=xt,
        attention=None,
        image_start=torch.zeros(rows, dtype=torch.int64),
        num_image_tokens=tokens,
        target=x0,
    )
    at = loss.logits_spec.positions(sequence).nonzero(as_tuple=True)  # a sequence is its picture
    logits = Logits(at[0], log_p[at], x0[at], *at)
    s = schedule
    corrupted = CorruptedTokens(torch.arange(rows), x0, xt, t, s.alpha(t), s.weight(t), s.sigma(t))
    found = []
    for one in torch.eye(rows, dtype=torch.bool):
        step = StepOutput(
            Batch(sequence.task, torch.arange(rows), one),
            unified=UnifiedStep(sequence, corrupted, {loss.logits_spec: logits}),
        )
        found.append(loss.compute(step).total)
    return torch.stack(found)


@pytest.mark.parametrize("size", [0, 1])
@pytest.mark.parametrize("name", list(SCHEDULES))
def test_mdlm(name: str, size: int):
    g = _golden("mdlm", f"nelbo_subs.{name}.{size}")
    log_p = g["logits"][..., :-1].double().log_softmax(-1)
    ours = _of_samples(MDLMLoss(), SCHEDULES[name], log_p, g["x0"], g["xt"], g["t"])
    torch.testing.assert_close(ours, g["loss_per_token"].sum(1).double(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [0, 1])
@pytest.mark.parametrize("name", ["loglinear", "geometric"])
def test_radd_by_time(name: str, size: int):
    schedule, loss = SCHEDULES[name], RADDLoss(variant="t")
    g = _golden("radd", f"t_DSE.{name}.{size}.float64")
    ours = _of_samples(loss, schedule, g["log_p"], g["x0"], g["xt"], g["t"])
    torch.testing.assert_close(ours, g["loss_per_sequence"], rtol=1e-9, atol=1e-9)
    g = _golden("radd", f"t_DCE.{name}.{size}.float64")
    ours = _of_samples(loss, schedule, g["log_p"], g["x0"], g["xt"], g["t"])
    masks = (g["xt"] == g["log_p"].shape[-1]).sum(1)
    # its cross-entropy form leaves out what does not depend on the network
    theirs = g["loss_per_sequence"] - masks * schedule.weight(g["t"]) * schedule.sigma_bar(g["t"]).expm1().log()
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("size", [0, 1])
def test_radd_by_share_and_by_number(size: int):
    g = _golden("radd", f"lambda_DCE.{size}.float64")
    ours = _of_samples(RADDLoss(variant="lambda"), LinearSchedule(), g["log_p"], g["x0"], g["xt"], g["lam"])
    torch.testing.assert_close(ours, g["loss_per_sequence"], rtol=1e-9, atol=1e-9)
    g = _golden("radd", f"k_DCE.{size}.float64")
    tokens = g["x0"].shape[1]
    half = torch.full((len(g["x0"]),), 0.5)
    ours = _of_samples(RADDLoss(variant="k"), LinearSchedule(), g["log_p"], g["x0"], g["xt"], half)
    # it never draws a row without masks
    torch.testing.assert_close(ours * tokens / (tokens + 1), g["loss_per_sequence"].double(), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("size", [0, 1])
def test_sedd_with_masks(size: int):
    for name in ("loglinear", "geometric"):
        g = _golden("radd", f"t_DSE.{name}.{size}.float64")  # score entropy of exact softmax scores
        ours = _of_samples(
            SEDDLoss(AbsorbingProcess(LinearSchedule())), SCHEDULES[name], *(g[k] for k in ("log_p", "x0", "xt", "t"))
        )
        torch.testing.assert_close(ours, g["loss_per_sequence"], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("size", [0, 1])
def test_sedd_with_random_codes_is_udlm(size: int):
    g = _golden("unid2", f"udlm.{size}.float64")
    loss = SEDDLoss(UniformProcess(LinearSchedule()))
    assert loss.logits_spec.positions is image
    ours = _of_samples(loss, LinearSchedule(), g["log_p"], g["x0"], g["xt"], g["t"])
    torch.testing.assert_close(ours, g["loss_per_token"].sum(1), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("size", [0, 1])
@pytest.mark.parametrize("share", [0.1, 0.5])
def test_gidd(share: float, size: int):
    loss = GIDDLoss(HybridProcess(LinearSchedule(), share))
    g = _golden("unid2", f"gidd_loss.pu{share}.none.{size}.float64")
    log_p = g["logits"][..., :-1].log_softmax(-1)
    ours = _of_samples(loss, LinearSchedule(), log_p, g["x0"], g["zt"], g["t"])
    torch.testing.assert_close(ours, g["elbo_per_token"].sum(1), rtol=1e-5, atol=1e-6)


def test_gidd_with_few_random_codes():
    g = _golden("unid2", "gidd_loss.pu0.0.none.0.float64")  # theirs has a share of e^-20 then
    log_p = g["logits"][..., :-1].log_softmax(-1)
    few = _of_samples(
        GIDDLoss(HybridProcess(LinearSchedule(), 1e-8)), LinearSchedule(), log_p, g["x0"], g["zt"], g["t"]
    )
    torch.testing.assert_close(few, g["elbo_per_token"].sum(1), rtol=1e-4, atol=1e-4)
