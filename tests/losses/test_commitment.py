"""Which of the two terms pulls whom."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from unif2ace.losses.commitment import CommitmentLoss
from unif2ace.nets.quantizers.lfq import LFQ
from unif2ace.nets.quantizers.vq import VQ
from unif2ace.types import Batch, Quantized, StepOutput

GOLDEN = Path(__file__).parents[2] / "../shared/fixtures/showo/tiny_magvit.safetensors"


def _step(quantized: Quantized, valid: list[bool] | None = None) -> StepOutput:
    rows = len(quantized.z)
    valid = valid or [True] * rows
    batch = Batch(torch.zeros(rows, dtype=torch.int8), torch.arange(rows), torch.tensor(valid))
    return StepOutput(batch, quantized=quantized)


def _pair() -> tuple[Tensor, Tensor, StepOutput]:
    torch.manual_seed(0)
    z = torch.randn(3, 4, 2, 5, dtype=torch.float64, requires_grad=True)
    codes = torch.randn(3, 4, 2, 5, dtype=torch.float64, requires_grad=True)
    return z, codes, _step(Quantized(z, codes, codes, torch.zeros(3, 2, 5, dtype=torch.int64)))


def test_beta_pulls_the_encoder_and_codebook_pulls_the_codes():
    z, codes, step = _pair()
    mean = CommitmentLoss(beta=0.25, codebook=0.7).compute(step).mean
    of_z, of_codes = torch.autograd.grad(mean, [z, codes])
    torch.testing.assert_close(of_z, 0.25 * 2 * (z - codes) / z.numel())
    torch.testing.assert_close(of_codes, 0.7 * 2 * (codes - z) / z.numel())
    torch.testing.assert_close(mean, 0.95 * (z - codes).square().mean())


def test_defaults_are_the_papers():
    z, codes, step = _pair()
    of_z, of_codes = torch.autograd.grad(CommitmentLoss().compute(step).mean, [z, codes])
    torch.testing.assert_close(of_z, -0.25 * of_codes)


def test_rows_that_are_not_valid_add_nothing():
    z, codes, step = _pair()
    step = _step(step.quantized, [True, False, True])
    term = CommitmentLoss(beta=1, codebook=0).compute(step)
    expected = (z - codes).square().flatten(1).mean(1)[[0, 2]].sum()
    torch.testing.assert_close(term.total, expected)
    assert term.count == 3
    (of_z,) = torch.autograd.grad(term.total, z)
    assert not of_z[1].any()
    none = CommitmentLoss().compute(_step(step.quantized, [False] * 3)).mean
    assert none == 0
    assert not torch.autograd.grad(none, z)[0].any()


def test_parts_of_a_batch_add_up():
    z, codes, step = _pair()
    whole = CommitmentLoss().compute(step)
    parts = [
        CommitmentLoss().compute(_step(Quantized(z[rows], codes[rows], codes[rows], codes[rows])))
        for rows in (slice(0, 1), slice(1, 3))
    ]
    torch.testing.assert_close(sum(p.total for p in parts), whole.total)
    assert sum(p.count for p in parts) == whole.count


def test_moving_averages_get_no_gradient_and_a_trained_codebook_does():
    for update in ("ema", "gradient"):
        torch.manual_seed(0)
        quantizer = VQ(8, 3, update=update)
        z = torch.randn(2, 3, 2, 2, requires_grad=True)
        CommitmentLoss(beta=0).compute(_step(quantizer(z))).mean.backward()
        assert not z.grad.any()
        if update == "gradient":
            assert quantizer.codebook.weight.grad.any()


def test_gradient_descent_brings_codes_to_their_vectors():
    torch.manual_seed(0)
    quantizer = VQ(2, 2, update="gradient", cosine=False, dead_share=0)
    z = torch.tensor([[3.0, 1.0], [3.2, 1.2], [-2.0, 0.0], [-2.2, 0.4]])[:, :, None, None]
    optimizer = torch.optim.SGD(quantizer.parameters(), lr=0.5)
    for _ in range(200):
        optimizer.zero_grad()
        CommitmentLoss().compute(_step(quantizer(z))).mean.backward()
        optimizer.step()
    found = quantizer.codebook.weight.detach().sort(dim=0).values
    torch.testing.assert_close(found, torch.tensor([[-2.1, 0.2], [3.1, 1.1]]), atol=1e-3, rtol=0)


@pytest.mark.skipif(not GOLDEN.exists(), reason=f"needs the golden tensors of Show-o at {GOLDEN}")
@pytest.mark.parametrize("case", ["case0", "case1"])
def test_the_value_of_show_o(case: str):
    """Its 0.1 (|sg[e] - z|^2 + 0.25 |e - sg[z]|^2) is weight 0.1, beta 1 and codebook 0.25; no gradient differs there:
    its second term goes through the straight-through codes, which takes a quarter of the first one's gradient away."""
    golden = load_file(GOLDEN)
    loss = CommitmentLoss(weight=0.1, beta=1.0, codebook=0.25)
    mean = loss.compute(_step(LFQ(13)(golden[f"{case}.encoder_out"]))).mean
    torch.testing.assert_close(loss.weight * mean, golden[f"{case}.quantizer_loss"][0])
