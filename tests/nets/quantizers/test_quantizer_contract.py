"""What every quantizer keeps; each yaml of the group is found by globbing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from unif2ace.engine import compose, instantiate
from unif2ace.nets.quantizers.base import Quantizer

CONFIGS = sorted((Path(__file__).parents[3] / "configs" / "quantizer").glob("*.yaml"))


@pytest.fixture(params=CONFIGS, ids=lambda p: p.stem)
def make(request: pytest.FixtureRequest) -> Callable[[], Quantizer]:
    torch.manual_seed(0)
    return instantiate(
        compose(
            "train", ["module=tokenizer", "net=patch", f"quantizer={request.param.stem}", "codebook_size=1024"]
        ).quantizer
    )


def _vectors(quantizer: Quantizer, rows: int = 2) -> torch.Tensor:
    z = torch.randn(rows, quantizer.dim, 4, 6, generator=torch.Generator().manual_seed(1))
    return z.contiguous(memory_format=torch.channels_last)


def test_there_is_something_to_test():
    assert CONFIGS


@pytest.mark.parametrize("training", [False, True])
def test_shapes_and_ranges(make: Callable[[], Quantizer], training: bool):
    quantizer = make().train(training)
    z = _vectors(quantizer)
    out = quantizer(z)
    for x in (out.z, out.codes, out.straight_through):
        assert x.shape == z.shape
        assert x.dtype == torch.float32
        assert x.isfinite().all()
    assert out.ids.shape == (2, 4, 6)
    assert out.ids.dtype == torch.int64
    assert out.ids.min() >= 0
    assert out.ids.max() < quantizer.num_codes == out.num_codes
    assert out.logits is None
    assert torch.equal(out.straight_through, out.codes)


def test_decoded_ids_are_the_codes(make: Callable[[], Quantizer]):
    quantizer = make().eval()
    out = quantizer(_vectors(quantizer))
    assert torch.equal(quantizer.decode_ids(out.ids), out.codes)
    every = quantizer.decode_ids(torch.arange(quantizer.num_codes).view(1, 1, -1))
    assert every.shape == (1, quantizer.dim, 1, quantizer.num_codes)
    assert len(every[0, :, 0].T.unique(dim=0)) == quantizer.num_codes


def test_different_vectors_get_different_codes_and_rows_do_not_mix(make: Callable[[], Quantizer]):
    quantizer = make().eval()
    z = _vectors(quantizer, rows=3)
    ids = quantizer(z).ids
    assert len(ids.unique()) > 10
    assert torch.equal(quantizer(z[1:2]).ids, ids[1:2])
    assert torch.equal(quantizer(z.flip(3)).ids, ids.flip(2))
    assert torch.equal(quantizer(z.contiguous()).ids, ids)


@pytest.mark.parametrize("training", [False, True])
def test_the_gradient_passes_straight_through(make: Callable[[], Quantizer], training: bool):
    quantizer = make().train(training)
    z = _vectors(quantizer).requires_grad_()
    out = quantizer(z)
    upstream = torch.randn(z.shape)
    (through,) = torch.autograd.grad(out.straight_through, z, upstream, retain_graph=True)
    (of_z,) = torch.autograd.grad(out.z, z, upstream)
    assert torch.equal(through, of_z)
    assert through.isfinite().all()
    assert (through.flatten(1).norm(dim=1) > 0).all()


def test_autocast_changes_nothing(make: Callable[[], Quantizer]):
    quantizer = make().eval()
    z = _vectors(quantizer).bfloat16()
    plain = quantizer(z.float(), logits=True)
    with torch.autocast("cpu", torch.bfloat16):
        cast = quantizer(z, logits=True)
    assert torch.equal(cast.ids, plain.ids)
    assert torch.equal(cast.codes, plain.codes)
    assert torch.equal(cast.logits, plain.logits)
    assert cast.logits.dtype == cast.codes.dtype == torch.float32


@pytest.mark.parametrize("training", [False, True])
def test_logits_are_a_soft_assignment(make: Callable[[], Quantizer], training: bool):
    quantizer = make().train(training)
    z = _vectors(quantizer).requires_grad_()
    logits = quantizer(z, logits=True).logits
    assert logits.shape[:3] == (2, 4, 6)
    assert (logits.isfinite() | (logits == -torch.inf)).all()
    p = logits.softmax(-1)
    torch.testing.assert_close(p.sum(-1), torch.ones(p.shape[:-1]))
    assert logits.isfinite().sum(-1)[0, 0, 0].prod(dtype=torch.float64) == quantizer.num_codes  # choices of all factors
    (grad,) = torch.autograd.grad(p.square().sum(), z)
    assert grad.isfinite().all()
    assert grad.abs().sum() > 0


def test_the_state_continues_the_same_way(make: Callable[[], Quantizer]):
    first, second = make(), make()
    for seed in range(3):
        first(torch.randn(2, first.dim, 4, 6, generator=torch.Generator().manual_seed(seed)))
    second.load_state_dict(first.state_dict())
    z = _vectors(first)
    torch.manual_seed(1)
    a = first(z)
    torch.manual_seed(2)
    b = second(z)
    assert torch.equal(a.ids, b.ids)
    assert torch.equal(a.codes, b.codes)
    for key, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[key]), key


@pytest.mark.parametrize("case", ["eval", "no_grad", "inference_mode"])
def test_nothing_moves_but_in_training(make: Callable[[], Quantizer], case: str):
    quantizer = make().train(case != "eval")
    before = {key: value.clone() for key, value in quantizer.state_dict().items()}
    context = {"eval": torch.enable_grad, "no_grad": torch.no_grad, "inference_mode": torch.inference_mode}[case]
    with context():
        quantizer(_vectors(quantizer))
    for key, value in quantizer.state_dict().items():
        assert torch.equal(value, before[key]), key


@pytest.mark.slow
def test_compiled_it_computes_the_same(make: Callable[[], Quantizer]):
    plain, compiled = make(), make()
    compiled.load_state_dict(plain.state_dict())
    compiled.compile(backend="aot_eager")
    for seed in range(2):
        z = torch.randn(2, plain.dim, 4, 6, generator=torch.Generator().manual_seed(seed))
        grads = []
        for quantizer in (plain, compiled):
            leaf = z.clone().requires_grad_()
            out = quantizer(leaf, logits=True)
            (out.logits.softmax(-1).square().sum() + (out.z - out.codes).square().sum()).backward()
            grads.append(leaf.grad)
        torch.testing.assert_close(grads[0], grads[1])
    for key, value in plain.state_dict().items():
        torch.testing.assert_close(compiled.state_dict()[key], value)
