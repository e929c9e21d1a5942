"""Certain choices, evenly spread."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from ranks import call_on_ranks
from safetensors.torch import load_file
from torch import Tensor

from unif2ace.losses.codebook_entropy import CodebookEntropyLoss
from unif2ace.nets.quantizers.fsq import FSQ
from unif2ace.nets.quantizers.lfq import LFQ
from unif2ace.types import Batch, Quantized, StepOutput

GOLDEN = Path(__file__).parents[2] / "../shared/fixtures/showo/tiny_magvit.safetensors"
NOTHING = torch.zeros(())


def _step(logits: Tensor, valid: list[bool] | None = None) -> StepOutput:
    """logits: (B, h, w, G, K)"""
    rows = len(logits)
    batch = Batch(torch.zeros(rows, dtype=torch.int8), torch.arange(rows), torch.tensor(valid or [True] * rows))
    return StepOutput(batch, quantized=Quantized(NOTHING, NOTHING, NOTHING, NOTHING, logits))


def _mean(logits: Tensor, valid: list[bool] | None = None, diversity: float = 1.0) -> Tensor:
    return CodebookEntropyLoss(diversity=diversity).compute(_step(logits, valid)).mean


def test_closed_forms():
    log4 = math.log(4)
    even = torch.zeros(2, 3, 2, 1, 4)
    assert _mean(even, diversity=0).item() == pytest.approx(log4)
    assert _mean(even, diversity=0.3).item() == pytest.approx(0.7 * log4)
    one_each = (torch.eye(4) * 1000).view(1, 2, 2, 1, 4)  # certain, and all codes are used
    assert _mean(one_each, diversity=0.5).item() == pytest.approx(-0.5 * log4)
    all_one = (torch.eye(4)[:1] * 1000).expand(1, 2, 2, 1, 4)  # certain, but of one code
    assert _mean(all_one).item() == pytest.approx(0, abs=1e-6)


def test_against_plain_sums():
    torch.manual_seed(0)
    logits = torch.randn(3, 2, 2, 5, 4, dtype=torch.float64)
    p = logits.exp() / logits.exp().sum(-1, keepdim=True)
    certainty = -(p * p.log()).sum(-1).mean()
    mean = p.mean((0, 1, 2))
    spread = -(mean * mean.log()).sum(-1).mean()
    term = CodebookEntropyLoss(diversity=0.7).compute(_step(logits))
    torch.testing.assert_close(term.mean, certainty - 0.7 * spread)
    torch.testing.assert_close(term.parts["choice"], certainty)
    torch.testing.assert_close(term.parts["use"], spread)


def test_gradient():
    torch.manual_seed(0)
    logits = torch.randn(2, 2, 1, 2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: _mean(x, [True, False], 0.7), logits)


def test_choices_that_a_factor_lacks_change_nothing():
    torch.manual_seed(0)
    logits = torch.randn(2, 2, 2, 1, 3, dtype=torch.float64, requires_grad=True)
    padded = torch.cat([logits, torch.full((2, 2, 2, 1, 2), -torch.inf, dtype=torch.float64)], dim=-1)
    torch.testing.assert_close(_mean(padded), _mean(logits))
    (plain,) = torch.autograd.grad(_mean(logits), logits)
    (through,) = torch.autograd.grad(_mean(padded), logits)
    torch.testing.assert_close(through, plain)


def test_extreme_logits_have_finite_gradients():
    logits = torch.tensor([[900.0, -900, -torch.inf], [0, 300, -300]]).view(1, 2, 1, 1, 3).requires_grad_()
    value = _mean(logits)
    (grad,) = torch.autograd.grad(value, logits)
    assert value.isfinite()
    assert grad.isfinite().all()


def test_rows_that_are_not_valid_add_nothing():
    torch.manual_seed(0)
    logits = torch.randn(3, 2, 2, 1, 4, requires_grad=True)
    term = CodebookEntropyLoss().compute(_step(logits, [True, False, True]))
    both = CodebookEntropyLoss().compute(_step(logits[[0, 2]]))
    torch.testing.assert_close(term.mean, both.parts["choice"] * 2 / 3 - both.parts["use"])
    (grad,) = torch.autograd.grad(term.total, logits)
    assert not grad[1].any()
    assert grad[0].any()
    none = _mean(logits, [False] * 3)
    assert none == 0
    assert not torch.autograd.grad(none, logits)[0].any()


def test_bits_are_worth_their_joint_code():
    """The entropy of whole codes under their soft assignment is that of the bits times their number."""
    z = torch.randn(2, 3, 2, 2, dtype=torch.float64)
    quantizer = LFQ(3)
    codes = quantizer.decode_ids(torch.arange(8).view(1, 1, 8))[0, :, 0].T.double()
    distance = (z.permute(0, 2, 3, 1)[..., None, :] - codes).square().sum(-1)
    whole = torch.distributions.Categorical(logits=-distance).entropy().mean()
    torch.testing.assert_close(3 * _mean(quantizer(z, logits=True).logits, diversity=0), whole)


def test_descent_makes_choices_certain_and_their_use_even():
    torch.manual_seed(0)
    quantizer = FSQ([4, 3])
    z = (0.3 * torch.randn(8, 2, 4, 4)).requires_grad_()
    optimizer = torch.optim.Adam([z], lr=0.03)
    before = CodebookEntropyLoss().compute(_step(quantizer(z, logits=True).logits))
    used = len(quantizer(z).ids.unique())
    for _ in range(150):
        optimizer.zero_grad()
        _mean(quantizer(z, logits=True).logits).backward()
        optimizer.step()
    after = CodebookEntropyLoss().compute(_step(quantizer(z, logits=True).logits))
    assert after.mean < before.mean
    assert after.parts["use"] > before.parts["use"]
    assert len(quantizer(z).ids.unique()) > used


@pytest.mark.skipif(not GOLDEN.exists(), reason=f"needs the golden tensors of Show-o at {GOLDEN}")
@pytest.mark.parametrize("case", ["case0", "case1"])
def test_the_value_of_show_o(case: str):
    golden = load_file(GOLDEN)
    loss = CodebookEntropyLoss(weight=0.1)
    mean = loss.compute(_step(LFQ(13)(golden[f"{case}.encoder_out"], logits=True).logits)).mean
    torch.testing.assert_close(loss.weight * mean, golden[f"{case}.entropy_loss"][0])


def test_the_loss_asks_for_logits():
    assert CodebookEntropyLoss.reads == {"code_logits"}


VALID = [True, True, False, True, True, True]


def _logits() -> Tensor:
    return torch.randn(6, 2, 2, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def _rank(rank: int, folder: str) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    rows = slice(3 * rank, 3 * rank + 3)
    logits = _logits()[rows].requires_grad_()
    mean = _mean(logits, VALID[rows])
    mean.backward()
    torch.save((mean.detach(), logits.grad), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def test_ranks_together_are_one_large_batch(tmp_path: Path):
    call_on_ranks(_rank, str(tmp_path))
    (mean_0, grad_0), (mean_1, grad_1) = (torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1))
    logits = _logits().requires_grad_()
    mean = _mean(logits, VALID)
    mean.backward()
    torch.testing.assert_close((mean_0 + mean_1) / 2, mean.detach())
    torch.testing.assert_close(torch.cat([grad_0, grad_1]) / 2, logits.grad)
