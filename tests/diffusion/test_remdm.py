"""ReMDM: its own numbers, enumerated laws, marginals, limits; without remasking it is ancestral sampling."""

from __future__ import annotations

import json
import math
import sys
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parent))
from sampler_toys import BatchRNG, Table, p_value

from unif2ace.diffusion.noise_schedules.cosine_maskgit import CosineMaskgitSchedule
from unif2ace.diffusion.noise_schedules.linear import LinearSchedule
from unif2ace.diffusion.samplers.remdm import STRATEGIES, RemdmSampler
from unif2ace.errors import ConfigError

FIXTURES = Path(__file__).parents[2] / "../shared/fixtures/diffusion"
NAMES = {"remdm-cap": "cap", "remdm-rescale": "rescale", "remdm-conf": "conf", "remdm-loop": "loop"}
NAMES["forward-backward"] = "forward_backward"


@pytest.mark.skipif(not FIXTURES.exists(), reason=f"needs the golden numbers at {FIXTURES}")
@pytest.mark.parametrize("size", [0, 1])
@pytest.mark.parametrize("t", ["0.9", "0.5", "0.04"])
@pytest.mark.parametrize("name", [*NAMES, "mdlm"])
def test_probabilities_are_remdms(name: str, t: str, size: int):
    golden = load_file(FIXTURES / "remdm.safetensors")
    key = f"{name}.t{t}.{size}"
    meta = json.loads((FIXTURES / "remdm.json").read_text())[key]
    xt, logits, weights = (golden[f"{key}.{n}"] for n in ("xt", "logits", "weights"))
    V = meta["V"]
    sampler = RemdmSampler(
        LinearSchedule(), 100, NAMES.get(name, "cap"), meta["eta"] if name != "mdlm" else 0.0,
        meta["t_on"], meta["t_off"], meta["alpha_on"],
    )  # fmt: skip
    masked = xt == V
    drawn = -golden[f"{key}.conf_in"].double()  # kept as minus the probability, -inf for masked
    again, reveal = sampler.chances(meta["t"], meta["t"] - meta["dt"], drawn.masked_fill(masked, 0), ~masked)
    again = again.expand(xt.shape)[..., None]
    p = logits[..., :V].double().softmax(-1)
    ours = torch.cat([reveal * p, torch.full((*xt.shape, 1), 1 - reveal)], -1)
    stays = torch.nn.functional.one_hot(xt, V + 1) * (1 - again)
    stays[..., V:] += again
    ours = torch.where(masked[..., None], ours, stays)
    expected = weights / weights.sum(-1, keepdim=True)  # without remasking ReMDM's are up to a factor
    copied = name == "mdlm" or (name == "remdm-loop" and t != "0.5")  # visible codes, whatever ReMDM's weights say
    which = masked if copied else torch.ones_like(masked)
    torch.testing.assert_close(ours[which].float(), expected[which], atol=3e-6, rtol=2e-5)
    assert not copied or float(again.max()) == 0


@pytest.mark.skipif(not FIXTURES.exists(), reason=f"needs the golden numbers at {FIXTURES}")
@pytest.mark.parametrize("size", [0, 1])
def test_how_sure_a_code_was_is_kept_until_it_is_masked(size: int):
    golden = load_file(FIXTURES / "remdm.safetensors")
    case = {n: golden[f"remdm-conf.t0.5.{size}.{n}"] for n in ("xt", "x_argmax", "logits", "conf_in", "conf_out")}
    V = int(case["xt"].max())
    sampler, noted = RemdmSampler(LinearSchedule(), 1, "conf"), []
    sampler.time = torch.tensor([0.5, 0.49], dtype=torch.float64)

    class Numbers:
        def uniform(self, number: int) -> Tensor:
            reveals = ((case["xt"] == V) & (case["x_argmax"] != V)).double()
            masks = ((case["xt"] != V) & (case["x_argmax"] == V)).double()
            return torch.cat([1 - 2**-53 - reveals - masks, torch.zeros_like(reveals)], 1).clamp(min=0)

    real = sampler.chances
    sampler.chances = lambda t, s, drawn, may: (noted.append(drawn), real(t, s, drawn, may))[1]  # type: ignore[method-assign]
    start = torch.full_like(case["xt"], V)
    logits = case["logits"][..., :V].double()
    out = sampler.sample(lambda x, t: logits, start, Numbers())
    now = (start == V) & (out != V)
    p = logits.softmax(-1).gather(-1, out.clamp(max=V - 1)[..., None])[..., 0]
    torch.testing.assert_close(noted[0][now], p[now])


def _chain(table: Table, sampler: RemdmSampler) -> Tensor:
    """Law of `x0`, from the formulas of the paper."""
    kernels = []
    for t, s in pairwise(sampler.time.tolist()):
        a_t, a_s = sampler.alpha(t), sampler.alpha(s)
        limit = min(1, (1 - a_s) / a_t) if a_t else 1.0
        sigma = {"cap": min(sampler.eta, limit), "rescale": sampler.eta * limit}.get(sampler.strategy)
        if sampler.strategy == "forward_backward":
            sigma = min((a_s - a_t) / a_t, limit) if a_t else limit
        if sampler.strategy == "loop":
            sigma = min(sampler.eta, limit) if sampler.t_off < t <= sampler.t_on else 0.0
        assert sigma is not None
        kernels.append(table.kernel((a_s - (1 - sigma) * a_t) / (1 - a_t), sigma))
    return table.of_x0(table.chain(kernels))


@pytest.mark.parametrize(
    ("strategy", "eta"), [("cap", 0.3), ("rescale", 0.6), ("forward_backward", 0.0), ("loop", 0.1), ("cap", 1.0)]
)
def test_the_law_is_the_enumerated_one(strategy: str, eta: float):
    table, n = Table(seed=8), 100_000
    sampler = RemdmSampler(LinearSchedule(), 6, strategy, eta)
    out = sampler.sample(table, table.masks(n), BatchRNG(n))
    assert p_value(table, out, _chain(table, sampler)) > 1e-4
    if eta:
        plain = RemdmSampler(LinearSchedule(), 6, "cap", 0.0)
        assert p_value(table, out, _chain(table, plain)) < 1e-6, "remasking must matter"


def test_without_remasking_it_is_ancestral_sampling():
    from test_ancestral import exact

    table, n = Table(seed=8), 100_000
    schedule = CosineMaskgitSchedule()
    for strategy in ("cap", "rescale"):
        sampler = RemdmSampler(schedule, 5, strategy, eta=0.0)
        out = sampler.sample(table, table.masks(n), BatchRNG(n, seed=3))
        assert p_value(table, out, exact(table, schedule, 5)) > 1e-4
        torch.testing.assert_close(_chain(table, sampler), exact(table, schedule, 5), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("strategy", "eta"), [("cap", 0.05), ("cap", 1.0), ("rescale", 0.5), ("forward_backward", 0.0), ("loop", 0.02)]
)
def test_the_share_of_visible_codes_is_alpha(strategy: str, eta: float):
    table, n, seen, remasked = Table(V=2, L=8), 20_000, [], []
    sampler = RemdmSampler(LinearSchedule(), 20, strategy, eta)
    before = [table.masks(n)]

    def on_step(k: int, x_BN: Tensor) -> None:
        seen.append((x_BN != 2).double().mean().item())
        remasked.append(bool(((x_BN == 2) & (before[0] != 2)).any()))
        before[0] = x_BN.clone()

    sampler.sample(table, table.masks(n), BatchRNG(n), on_step)
    for k, share in enumerate(seen):
        assert share == pytest.approx(sampler.alpha(1 - (k + 1) / 20), abs=5 * 0.5 / (8 * n) ** 0.5)
    assert seen[-1] == 1
    assert any(remasked)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("eta", [0.0, 0.02, 0.5, 1.0])
def test_probabilities_stay_probabilities(strategy: str, eta: float):
    sampler = RemdmSampler(CosineMaskgitSchedule(), 50, strategy, eta)
    drawn = torch.rand(4, 9, dtype=torch.float64)
    may = torch.rand(4, 9) < torch.tensor([0.0, 0.2, 0.7, 1.0])[:, None]
    for t, s in pairwise(sampler.time.tolist()):
        again, reveal = sampler.chances(t, s, drawn, may)
        assert float(again.min()) >= 0
        assert float(again.max()) <= 1
        assert 0 <= reveal <= 1 + 1e-12
        if strategy == "conf" and s > 0:
            assert bool((again[~may] == 0).all())
    assert (reveal, float(again.max())) == (1, 0), "the last step reveals all"


def test_the_loop_holds_alpha_and_runs_through_both_ends():
    sampler = RemdmSampler(LinearSchedule(), strategy="loop")
    assert [sampler.alpha(t) for t in (1.0, 0.55, 0.3, 0.05, 0.0)] == pytest.approx([0.0, 0.9, 0.9, 0.9, 1.0])
    assert sampler.alpha(0.775) == pytest.approx(0.45)
    assert sampler.alpha(0.025) == pytest.approx(0.95)
    wild = RemdmSampler(LinearSchedule(), strategy="loop", eta=0.5)
    again, reveal = wild.chances(0.3, 0.29, torch.zeros(1, 1, dtype=torch.float64), torch.ones(1, 1, dtype=torch.bool))
    assert (float(again), reveal) == pytest.approx((1 / 9, 1)), "eta is limited to (1 - alpha) / alpha"


def test_unsure_codes_are_masked_again_more_often():
    sampler = RemdmSampler(LinearSchedule(), strategy="conf")
    drawn, may = torch.tensor([[0.9, 0.1, 0.5]], dtype=torch.float64), torch.tensor([[True, True, False]])
    again, reveal = sampler.chances(0.5, 0.4, drawn, may)
    ratio = math.exp(0.8)
    assert again[0].tolist() == pytest.approx([0.8 / (1 + ratio), 0.8 * ratio / (1 + ratio), 0.0])
    assert reveal == pytest.approx(0.2)


def test_a_step_in_which_nothing_is_revealed_needs_no_network():
    table = Table(L=2, V=3)
    out = RemdmSampler(LinearSchedule(), 500, "cap", 0.0).sample(table, table.masks(1), BatchRNG(1))
    assert table.calls <= 2
    assert int(out.max()) < 3


def test_codes_known_at_the_start_are_never_masked():
    table = Table(L=4, V=3)
    start = torch.tensor([[3, 0, 3, 1]]).repeat(200, 1)
    for strategy in STRATEGIES:
        RemdmSampler(LinearSchedule(), 30, strategy, eta=1.0).sample(
            table, start, BatchRNG(200), lambda k, x: torch.testing.assert_close(x[:, 1::2], start[:, 1::2])
        )


@pytest.mark.parametrize(
    ("wrong", "says"),
    [({"strategy": "caps"}, "did you mean 'cap'"), ({"eta": 1.5}, "eta=1.5"), ({"steps": 0}, "steps=0"),
     ({"strategy": "loop", "t_off": 0.6}, "t_off=0.6")],
)  # fmt: skip
def test_wrong_numbers_are_named(wrong: dict, says: str):
    with pytest.raises(ConfigError, match=says):
        RemdmSampler(LinearSchedule(), **wrong)
