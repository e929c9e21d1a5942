"""The learned codebook: search, moving averages, dead codes, ranks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from ranks import call_on_ranks
from torch import Tensor
from torch.nn.functional import normalize

from unif2ace.errors import ConfigError
from unif2ace.nets.quantizers.vq import VQ


def _grid(vectors: Tensor) -> Tensor:
    """(N, C) -> (1, C, 1, N)."""
    return vectors.T[None, :, None]


def _started(**kwargs: Any) -> VQ:
    """A codebook of random codes that is not placed on the first batch and never placed anew."""
    quantizer = VQ(dead_share=0, **kwargs)
    quantizer.num_placed.fill_(1)
    return quantizer


def _run(quantizer: VQ, batches: list[Tensor]) -> None:
    for vectors in batches:
        quantizer(_grid(vectors))


@pytest.mark.parametrize("cosine", [True, False])
def test_the_nearest_code_is_chosen(cosine: bool):
    torch.manual_seed(0)
    quantizer = VQ(50, 3, cosine=cosine).eval().double()
    z = torch.randn(2, 3, 4, 5, dtype=torch.float64)
    out = quantizer(z, logits=True)
    codes = quantizer.codebook.weight
    vectors = normalize(z, dim=1) if cosine else z
    distance = (vectors[:, None] - codes[None, :, :, None, None]).square().sum(2)  # B K h w
    assert torch.equal(out.ids, distance.argmin(1))
    expected = (-distance / quantizer.temperature).softmax(1).permute(0, 2, 3, 1)
    torch.testing.assert_close(out.logits.softmax(-1)[..., 0, :], expected)
    if cosine:
        torch.testing.assert_close(codes.norm(dim=1), torch.ones(50, dtype=torch.float64))
        torch.testing.assert_close(out.z.norm(dim=1), torch.ones(2, 4, 5, dtype=torch.float64))


@pytest.mark.parametrize("cosine", [True, False])
def test_moving_averages_have_their_closed_form(cosine: bool):
    gamma, steps = 0.9, 7
    quantizer = _started(num_codes=3, dim=2, cosine=cosine, decay=gamma).double()
    start = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]], dtype=torch.float64)
    quantizer.codebook.weight.copy_(start)
    quantizer.sums.copy_(start)
    vectors = torch.tensor([[0.8, 0.2], [0.9, -0.3], [0.7, 0.1], [0.1, 0.9]], dtype=torch.float64)
    _run(quantizer, [vectors] * steps)
    kept = gamma**steps
    seen = normalize(vectors, dim=1) if cosine else vectors
    sums = kept * start + (1 - kept) * torch.stack([seen[:3].sum(0), seen[3], torch.zeros(2)])
    counts = kept + (1 - kept) * torch.tensor([3.0, 1.0, 0.0], dtype=torch.float64)
    codes = normalize(sums, dim=1) if cosine else sums / counts[:, None]
    codes[2] = start[2]  # nobody chose it
    torch.testing.assert_close(quantizer.counts, counts)
    torch.testing.assert_close(quantizer.codebook.weight, codes)


@pytest.mark.parametrize("cosine", [True, False])
def test_codebook_follows_an_independent_implementation(cosine: bool):
    oracles = pytest.importorskip("vector_quantize_pytorch", reason="needs the test group")
    torch.manual_seed(0)
    oracle = oracles.VectorQuantize(
        dim=4, codebook_size=16, decay=0.9, eps=1e-12, use_cosine_sim=cosine, threshold_ema_dead_code=0
    ).train()
    quantizer = _started(num_codes=16, dim=4, cosine=cosine, decay=0.9)
    theirs = oracle._codebook
    quantizer.codebook.weight.copy_(theirs.embed[0])
    quantizer.sums.copy_(theirs.embed_avg[0])
    quantizer.counts.copy_(theirs.cluster_size[0])
    for _ in range(20):
        vectors = torch.randn(64, 4) + torch.tensor([1.0, 0, 0, 0])
        _, expected, _ = oracle(vectors[None])
        assert torch.equal(quantizer(_grid(vectors)).ids[0], expected)
    torch.testing.assert_close(quantizer.codebook.weight, theirs.embed[0], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(quantizer.counts, theirs.cluster_size[0], atol=1e-5, rtol=1e-5)


def test_a_code_that_is_never_chosen_stays_for_ever():
    quantizer = _started(num_codes=2, dim=2, cosine=False, decay=0.5)
    quantizer.codebook.weight.copy_(torch.tensor([[0.0, 0.0], [9.0, 9.0]]))
    for _ in range(300):  # its count underflows
        quantizer(torch.zeros(1, 2, 1, 1))
    assert quantizer.counts[1] == 0
    assert torch.equal(quantizer.codebook.weight[1], torch.tensor([9.0, 9.0]))
    quantizer(torch.full((1, 2, 1, 1), 8.0))
    torch.testing.assert_close(quantizer.codebook.weight[1], torch.tensor([8.0, 8.0]))


@pytest.mark.parametrize("update", ["ema", "gradient"])
@pytest.mark.parametrize("cosine", [True, False])
def test_codes_start_as_vectors_of_the_first_batch(update: Any, cosine: bool):
    quantizer = VQ(32, 3, update=update, cosine=cosine, decay=0)
    vectors = torch.randn(100, 3, generator=torch.Generator().manual_seed(0))
    out = quantizer(_grid(vectors))
    seen = normalize(vectors, dim=1) if cosine else vectors
    apart = (out.codes.detach()[0, :, 0].T[:, None] - seen).abs().amax(2)
    assert apart.amin(1).max() < 1e-6
    assert len(out.codes.detach()[0, :, 0].T.unique(dim=0)) > 28
    assert int(quantizer.num_placed) >= 32


@pytest.mark.parametrize("update", ["ema", "gradient"])
def test_fewer_vectors_than_codes(update: Any):
    quantizer = VQ(64, 3, update=update)
    for seed in range(5):
        vectors = torch.randn(5, 3, generator=torch.Generator().manual_seed(seed)).requires_grad_()
        out = quantizer(_grid(vectors), logits=True)
        out.logits.logsumexp(-1).sum().backward()
    assert quantizer.codebook.weight.isfinite().all()
    assert quantizer.counts.isfinite().all()


@pytest.mark.parametrize("update", ["ema", "gradient"])
@pytest.mark.parametrize("cosine", [True, False])
def test_dead_codes_are_placed_anew(update: Any, cosine: bool):
    centres = torch.randn(48, 8, generator=torch.Generator().manual_seed(0)) * 3

    def used(dead_share: float) -> int:
        generator = torch.Generator().manual_seed(1)
        quantizer = VQ(64, 8, update=update, cosine=cosine, decay=0.9, dead_share=dead_share)
        quantizer(_grid(torch.ones(128, 8)))  # all codes start at one place
        for _ in range(60):
            rows = torch.randint(48, (256,), generator=generator)
            out = quantizer(_grid(centres[rows] + 0.05 * torch.randn(256, 8, generator=generator)))
        return len(out.ids.unique())

    assert used(0.03) > 48
    assert used(0) < 16


def test_no_random_number_is_drawn_and_seeds_decide_the_start():
    def codes(seed: int) -> Tensor:
        torch.manual_seed(seed)
        return VQ(8, 3).codebook.weight

    assert torch.equal(codes(0), codes(0))
    assert not torch.equal(codes(0), codes(1))
    quantizer = VQ(64, 3)
    state = torch.get_rng_state()
    _run(quantizer, [torch.ones(20, 3), torch.eye(3)])
    assert torch.equal(torch.get_rng_state(), state)


def test_vectors_that_are_not_finite_move_no_code():
    good = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    clean, soiled = _started(num_codes=8, dim=3), _started(num_codes=8, dim=3)
    soiled.load_state_dict(clean.state_dict())
    bad = torch.tensor([[torch.nan, 0, 0], [torch.inf, 1, 1]])
    _run(clean, [good])
    _run(soiled, [torch.cat([good, bad])])
    torch.testing.assert_close(soiled.codebook.weight, clean.codebook.weight)
    torch.testing.assert_close(soiled.counts, clean.counts)
    fresh = VQ(8, 3)
    _run(fresh, [torch.full((40, 3), torch.nan), torch.cat([good, bad])])
    assert fresh.codebook.weight.isfinite().all()


@pytest.mark.parametrize("cosine", [True, False])
def test_gradient_mode_trains_the_codes_and_only_through_codes(cosine: bool):
    torch.manual_seed(0)
    quantizer = VQ(6, 3, update="gradient", cosine=cosine).double().eval()
    weight = quantizer.codebook.weight
    with torch.no_grad():
        weight.mul_(2.5)
    z = torch.randn(1, 3, 1, 9, dtype=torch.float64, requires_grad=True)
    out = quantizer(z)
    (through,) = torch.autograd.grad(out.straight_through.sum(), weight, retain_graph=True, allow_unused=True)
    assert through is None
    (of_z,) = torch.autograd.grad(out.codes.sum(), z, retain_graph=True, allow_unused=True)
    assert of_z is None
    (grad,) = torch.autograd.grad((out.z.detach() - out.codes).square().sum(), weight)
    expected = torch.zeros_like(weight)
    for vector, i in zip(out.z[0, :, 0].T.detach(), out.ids.flatten(), strict=True):
        if cosine:  # 2 (e - z), less its part along e, over the length
            unit = weight[i].detach() / weight[i].detach().norm()
            pull = 2 * (unit - vector)
            expected[i] += (pull - (pull @ unit) * unit) / weight[i].detach().norm()
        else:
            expected[i] += 2 * (weight[i].detach() - vector)
    torch.testing.assert_close(grad, expected)


@pytest.mark.parametrize("compiled", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize("update", ["ema", "gradient"])
def test_codes_may_move_before_the_backward_pass(update: Any, compiled: bool):
    quantizer = VQ(16, 4, update=update, dead_share=0.9, decay=0)
    if compiled:
        quantizer.compile(backend="aot_eager")
    quantizer(torch.randn(2, 4, 4, 4))
    z = torch.randn(2, 4, 4, 4, requires_grad=True)
    before = quantizer.codebook.weight.detach().clone()
    out = quantizer(z, logits=True)
    assert not torch.equal(before, quantizer.codebook.weight)
    (out.logits.square().sum() + (out.z - out.codes).square().sum() + out.straight_through.sum()).backward()
    assert z.grad is not None
    assert out.codes.requires_grad == (update == "gradient")


def test_logits_have_the_right_gradient():
    torch.manual_seed(0)
    for cosine in (True, False):
        quantizer = VQ(5, 3, cosine=cosine).double().eval()
        z = torch.randn(1, 3, 2, 1, dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradcheck(lambda x, q=quantizer: q(x, logits=True).logits, z)


def test_what_an_optimiser_sees():
    from unif2ace.optimizers.parameter_groups import parameter_groups  # here, so that the ranks below need not load it

    assert not list(VQ(8, 3).parameters())
    (group,) = parameter_groups(VQ(8, 3, update="gradient"))
    assert group["weight_decay"] == 0
    assert VQ(8, 3).state_dict().keys() - {"sums"} == VQ(8, 3, update="gradient").state_dict().keys()


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"update": "emma"}, "did you mean 'ema'"),
        ({"num_codes": 0}, "num_codes=0"),
        ({"dim": 0}, "dim=0"),
        ({"decay": 1.0}, "decay=1.0"),
        ({"dead_share": -0.1}, "dead_share=-0.1"),
        ({"temperature": 0.0}, "temperature=0.0"),
    ],
)
def test_wrong_values_are_named(kwargs: dict[str, Any], message: str):
    with pytest.raises(ConfigError, match=message):
        VQ(**kwargs)


def _batches() -> list[Tensor]:
    generator = torch.Generator().manual_seed(3)
    return [torch.randn(48, 4, generator=generator) for _ in range(6)]


def _codebooks(rank: int, ranks: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for cosine in (True, False):
        torch.manual_seed(0)
        quantizer = _started(num_codes=16, dim=4, cosine=cosine)
        _run(quantizer, [batch.chunk(ranks)[rank] for batch in _batches()])
        found[f"averages {cosine}"] = quantizer.state_dict()
        quantizer = VQ(16, 4, cosine=cosine, dead_share=0.5, decay=0.7)
        _run(quantizer, [batch.chunk(ranks)[rank] for batch in _batches()])
        found[f"placed {cosine}"] = quantizer.state_dict()
    return found


def _rank(rank: int, folder: str) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    torch.save(_codebooks(rank, 2), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def test_ranks_share_one_codebook(tmp_path: Path):
    call_on_ranks(_rank, str(tmp_path))
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1))
    for name, state in first.items():
        for key in state:
            assert torch.equal(state[key], second[name][key]), (name, key)
    joined = _codebooks(0, 1)
    for name in ("averages True", "averages False"):
        for key in ("codebook.weight", "counts"):
            torch.testing.assert_close(first[name][key], joined[name][key])
    assert int(first["placed True"]["num_placed"]) > 16
