"""MaskGIT: Show-o's own runs step by step, the exact law by enumeration, and the law of the number of masks."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parent))
from sampler_toys import BatchRNG, Table, p_value

from unif2ace.diffusion.guidance import guide
from unif2ace.diffusion.noise_schedules.linear import LinearSchedule
from unif2ace.diffusion.samplers.maskgit import MaskgitSampler
from unif2ace.errors import ConfigError

FIXTURES = Path(__file__).parents[2] / "../shared/fixtures"
needs_fixtures = pytest.mark.skipif(not FIXTURES.exists(), reason=f"needs the golden numbers at {FIXTURES}")

MASK_ID, OFFSET, CODES, FIRST, N = 194, 130, 64, 14, 16
"""Of the tiny Show-o of the golden files; FIRST is the column of the first image token."""


class Recorded:
    """The draws of a recorded run of Show-o, which also checks the probabilities that it is asked to draw from."""

    def __init__(self, steps: list[dict[str, Tensor]]) -> None:
        self.steps, self.asked = steps, -1

    def categorical(self, probability: Tensor, where_BN: Tensor) -> Tensor:
        self.asked += 1
        step = self.steps[self.asked]
        ours = probability / probability.sum(-1, keepdim=True)
        torch.testing.assert_close(ours, step["probs"][where_BN], atol=1e-6, rtol=1e-5)
        return step["sampled"][where_BN]

    def uniform(self, number: int) -> Tensor:
        assert number == N
        return self.steps[self.asked]["u"].double()


def _codes(ids_BL: Tensor) -> Tensor:
    image = ids_BL[:, FIRST : FIRST + N]
    return torch.where(image == MASK_ID, CODES, image - OFFSET)


@needs_fixtures
@pytest.mark.parametrize("run", [0, 1, 2])
def test_showos_runs_are_repeated_step_by_step(run: int):
    golden = load_file(FIXTURES / "showo/t2i_generate.safetensors")
    meta = json.loads((FIXTURES / "showo/t2i_generate.json").read_text())["runs"][run]
    rows = meta["batch"]
    names = ("model_input", "probs", "sampled", "u", "mask_len", "masking", "temperature", "selected_probs")
    steps = [{n: golden[f"run{run}.step{k}.{n}"] for n in names} for k in range(meta["timesteps"])]
    sampler = MaskgitSampler(
        steps=len(steps), temperature=meta["temperature"], temperature_schedule="showo", mask_count_base="all"
    )
    torch.testing.assert_close(sampler.temperature, torch.cat([s["temperature"] for s in steps]))
    seen: list[Tensor] = []

    def denoise(x_BN: Tensor, t_B: Tensor) -> Tensor:
        step = steps[len(seen)]
        assert torch.equal(x_BN, _codes(step["model_input"][:rows]))
        keep = sampler.stays(len(seen), (x_BN == CODES).sum(1), N)
        if len(seen) < len(steps) - 1:
            assert torch.equal(keep, step["mask_len"][:, 0].long())
        seen.append(t_B)
        return step["probs"].log()

    def on_step(k: int, x_BN: Tensor) -> None:
        if k < len(steps) - 1:
            assert torch.equal(x_BN == CODES, step_masks[k])

    step_masks = [s["masking"].bool() for s in steps]
    out = sampler.sample(denoise, _codes(golden[f"run{run}.input_ids"]), Recorded(steps), on_step)
    assert len(seen) == len(steps)
    assert torch.equal(out, golden[f"run{run}.output"])


@needs_fixtures
@pytest.mark.parametrize("run", [0, 1, 2])
def test_guided_logits_are_showos(run: int):
    golden = load_file(FIXTURES / "showo/t2i_generate.safetensors")
    meta = json.loads((FIXTURES / "showo/t2i_generate.json").read_text())["runs"][run]
    logits = golden[f"run{run}.step0.raw_logits"][:, FIRST : FIRST + N, OFFSET:MASK_ID]
    scale = meta["guidance_scale"]
    conditional, unconditional = logits.chunk(2) if scale else (logits, logits)
    probability = guide(conditional, unconditional, scale).softmax(-1)
    torch.testing.assert_close(probability, golden[f"run{run}.step0.probs"], atol=1e-5, rtol=1e-4)


@needs_fixtures
def test_numbers_of_masks_are_showos():
    golden = load_file(FIXTURES / "showo/masking.safetensors")
    for name, numbers in golden.items():
        if not name.startswith("mask_len"):
            continue
        n, steps = (int(part[1:]) for part in name.split(".")[1:])
        sampler = MaskgitSampler(steps=steps)
        for k in range(steps - 1):
            ours = int(sampler.stays(k, torch.tensor([n + 1]), n))
            assert ours == max(1, int(numbers[k])), (name, k)
    falls = json.loads((FIXTURES / "showo/masking.json").read_text())["temperature_per_step_start_1"]
    for steps, temperatures in falls.items():
        assert MaskgitSampler(steps=int(steps), temperature_schedule="showo").temperature.tolist() == pytest.approx(
            temperatures
        )


@needs_fixtures
def test_numbers_of_masks_are_maskgits_but_for_rounding():
    golden = load_file(FIXTURES / "diffusion/maskgit_pytorch.safetensors")
    for name, n in (("12.16", 256), ("8.8", 64)):
        revealed = golden[f"build_sequence.cosine.{name}.seq"].tolist()
        sampler = MaskgitSampler(steps=len(revealed) - 1)
        for k in range(len(revealed) - 2):
            assert abs(n - int(sampler.stays(k, torch.tensor([n]), n)) - revealed[k + 1]) <= 1


@needs_fixtures
@pytest.mark.parametrize(
    ("file", "case", "temperature"),
    [("showo/t2i_generate", "topk", 0.8), ("diffusion/showo", "random_topk_temp0", 0.0)],
)
def test_the_least_sure_are_showos(file: str, case: str, temperature: float):
    golden = load_file(FIXTURES / f"{file}.safetensors")
    probs = golden[f"{case}.probs"].double()
    sampler = MaskgitSampler(steps=1)
    sampler.temperature = torch.tensor([temperature])
    step = {"probs": torch.stack([probs, 1 - probs], -1), "sampled": torch.zeros(probs.shape, dtype=torch.int64)}
    step["u"] = golden.get(f"{case}.u", probs)
    masked = probs <= 1  # Show-o marks known codes by an enormous probability
    keep = golden[f"{case}.mask_len"][:, 0].long()
    new = sampler._step(0, step["probs"].log(), torch.where(masked, 2, 0), masked, keep, Recorded([step]))
    assert torch.equal(new == 2, golden[f"{case}.masking"].bool())


@needs_fixtures
@pytest.mark.parametrize("case", ["w0.temp1.0", "w1.5.temp1.0"])
def test_a_second_recording_of_showo_agrees(case: str):
    golden = load_file(FIXTURES / "diffusion/showo.safetensors")
    numbers, falls = golden[f"t2i_generate.{case}.mask_len"], golden[f"t2i_generate.{case}.gumbel_temperature"]
    sampler = MaskgitSampler(steps=len(falls), temperature_schedule="showo")
    torch.testing.assert_close(sampler.temperature.float(), falls)
    masked = torch.tensor([16, 16])
    for k in range(len(falls) - 1):
        masked = sampler.stays(k, masked, 16)
        assert torch.equal(masked, numbers[k, :, 0].long())


def _law(table: Table, sampler: MaskgitSampler) -> Tensor:
    """By enumeration, where each step keeps one code: Gumbel noise makes it code i with chance ~ p_i^(1 / tau)."""
    V, L = table.V, table.L
    law = {tuple([V] * L): 1.0}
    for k in range(L):
        tau, after = float(sampler.temperature[k]), dict.fromkeys([], 0.0)
        for state, mass in law.items():
            p = table.log_p[table.number(torch.tensor(state))].exp()
            free = [i for i in range(L) if state[i] == V]
            for codes in torch.cartesian_prod(*[torch.arange(V)] * len(free)).view(-1, len(free)).tolist():
                own = [float(p[i, c]) for i, c in zip(free, codes, strict=True)]
                power = [q ** (1 / tau) if tau else float(q == max(own)) for q in own]
                for place, c, chance in zip(free, codes, power, strict=True):
                    new = (*state[:place], c, *state[place + 1 :])
                    after[new] = after.get(new, 0.0) + mass * math.prod(own) * chance / sum(power)
        law = after
    return torch.tensor([law[tuple(x)] for x in table.x0.tolist()], dtype=torch.float64)


@pytest.mark.parametrize(
    ("temperature", "schedule"), [(1.0, "linear"), (4.0, "linear"), (4.0, "showo"), (0.0, "linear")]
)
def test_the_law_is_the_enumerated_one(temperature: float, schedule: str):
    table = Table(seed=3, scale=0.8)
    sampler = MaskgitSampler(steps=3, temperature=temperature, temperature_schedule=schedule)
    assert [int(sampler.stays(k, torch.tensor([3 - k]), 3)) for k in range(3)] == [2, 1, 0]
    n = 100_000
    out = sampler.sample(table, table.masks(n), BatchRNG(n, seed=1))
    assert p_value(table, out, _law(table, sampler)) > 1e-4
    assert table.calls == 3


def test_another_law_is_told_apart():
    table = Table(seed=3, scale=0.8)
    out = MaskgitSampler(steps=3, temperature=1.0).sample(table, table.masks(100_000), BatchRNG(100_000))
    assert p_value(table, out, _law(table, MaskgitSampler(steps=3, temperature=4.0))) < 1e-6
    assert p_value(table, out, table.any_order()) < 1e-6


@pytest.mark.parametrize(("n", "steps"), [(16, 1), (16, 6), (256, 18), (64, 16), (16, 50), (5, 12)])
@pytest.mark.parametrize("base", ["masked", "all"])
def test_masks_follow_their_law(n: int, steps: int, base: str):
    sampler = MaskgitSampler(steps=steps, mask_count_base=base)
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(8, (4, n), generator=generator)
    for row, masked in enumerate((n, n // 2, 1, 0)):
        x[row, :masked] = 8
    expected, start = (x == 8).sum(1).tolist(), (x == 8).sum(1).tolist()
    calls = []

    def denoise(x_BN: Tensor, t_B: Tensor) -> Tensor:
        calls.append(t_B)
        return torch.randn(*x_BN.shape, 8, generator=generator)

    def on_step(k: int, x_BN: Tensor) -> None:
        for row, u in enumerate(expected):
            whole = n if base == "all" else start[row]
            share = 0.0 if k == steps - 1 else math.cos(math.pi / 2 * (k + 1) / steps)
            least = 0 if k == steps - 1 or u < 2 else 1
            expected[row] = max(least, min(u - 1, math.floor(whole * (share - 1e-6))))
        assert (x_BN == 8).sum(1).tolist() == expected

    out = sampler.sample(denoise, x, BatchRNG(4), on_step)
    assert int(out.max()) < 8
    assert len(calls) <= steps
    torch.testing.assert_close(torch.stack(calls)[:, 0], 1 - torch.arange(len(calls)) / steps)


def test_temperature_schedules_and_other_noise_schedules():
    assert MaskgitSampler(steps=4, temperature=2).temperature.tolist() == [1.5, 1.0, 0.5, 0.0]
    assert MaskgitSampler(steps=4, temperature=2, temperature_schedule="showo").temperature.tolist() == [
        1.5,
        0.75,
        0.1875,
        0.0,
    ]
    sampler = MaskgitSampler(LinearSchedule(), steps=4)
    assert [int(sampler.stays(k, torch.tensor([101]), 102)) for k in range(4)] == [76, 50, 25, 0]


def test_the_surest_is_kept_where_nothing_is_random():
    logits = torch.full((1, 6, 4), -30.0)
    logits[0, torch.arange(6), torch.tensor([0, 1, 2, 3, 0, 1])] = torch.tensor([0.0, -28, -26, -29, -27, -25])
    first: list[Tensor] = []
    MaskgitSampler(steps=3, temperature=0).sample(
        lambda x, t: logits, torch.full((1, 6), 4), BatchRNG(1), lambda k, x: first.append(x.clone())
    )
    assert first[0][0, 0] == 0, "the surest code"
    assert int((first[0] == 4).sum()) == 5


@pytest.mark.parametrize(
    "wrong",
    [{"steps": 0}, {"temperature": -1.0}, {"temperature_schedule": "cosine"}, {"mask_count_base": "unknown"}],
    ids=lambda w: next(iter(w)),
)
def test_wrong_numbers_are_named(wrong: dict):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        MaskgitSampler(**wrong)
