"""Filters: which codes they keep, against Show-o's, by sorting in the open, and at the edges."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from unif2ace.diffusion.filtering import Filter, filtered
from unif2ace.errors import ConfigError

FIXTURES = Path(__file__).parents[2] / "../shared/fixtures/diffusion"


def _plain(logits: Tensor, filter: Filter) -> Tensor:
    """Code by code."""
    out = logits / filter.temperature
    for row in out:
        order = row.argsort(descending=True).tolist()
        order = order[: filter.top_k] if filter.top_k else order
        p, reached, keep = row[order].double().softmax(-1), 0.0, set()
        for place, code in enumerate(order):
            if reached > filter.top_p:
                break
            keep.add(code)
            reached += float(p[place])
        row[[code for code in range(len(row)) if code not in keep]] = -torch.inf
    return out


@pytest.mark.parametrize("temperature", [1.0, 0.7])
@pytest.mark.parametrize("top_k", [0, 1, 7, 1000, 5000])
@pytest.mark.parametrize("top_p", [1.0, 0.95, 0.5, 1e-9])
def test_codes_are_kept_as_by_sorting(temperature: float, top_k: int, top_p: float):
    filter = Filter(temperature, top_k, top_p)
    logits = 3 * torch.randn(20, 1000, generator=torch.Generator().manual_seed(0))
    before = logits.clone()
    assert torch.equal(filter(logits), _plain(logits, filter))
    assert torch.equal(logits, before)


@pytest.mark.skipif(not FIXTURES.exists(), reason=f"needs the golden numbers at {FIXTURES}")
def test_filters_are_showos():
    golden = load_file(FIXTURES / "showo.safetensors")
    cases = [name for name in json.loads((FIXTURES / "showo.json").read_text()) if name.startswith("filter")]
    assert len(cases) == 4
    for case in cases:
        _, k, p = case.split(".", 2)
        ours = Filter(top_k=int(k[1:]), top_p=float(p[1:]))(golden[f"{case}.logits"])
        assert torch.equal(ours, golden[f"{case}.filtered"])


def test_the_code_that_crosses_is_kept():
    logits = torch.tensor([[0.5, 0.45, 0.05]]).log()
    assert Filter(top_p=0.9)(logits).isfinite().tolist() == [[True, True, False]]
    assert Filter(top_p=0.4)(logits).isfinite().tolist() == [[True, False, False]]
    assert Filter(top_p=0.96)(logits).isfinite().tolist() == [[True, True, True]]


def test_ties_are_kept_together():
    logits = torch.tensor([[1.0, 1.0, 0.0, 1.0]])
    assert Filter(top_k=1)(logits).isfinite().tolist() == [[True, True, False, True]]


def test_a_filter_comes_only_where_codes_are_masked():
    K = 6
    logits = torch.randn(2, 4, K, dtype=torch.bfloat16)
    x = torch.tensor([[K, 0, K, 3], [1, 2, 3, K]])
    before = logits.clone()
    out = filtered(lambda x, t: logits, Filter(top_k=2))(x, torch.ones(2))
    assert out.dtype == torch.float32
    assert torch.equal(logits, before)
    assert torch.equal(out[x != K], logits[x != K].float())
    assert bool((out[x == K].isfinite().sum(-1) == 2).all())


def test_an_empty_filter_is_none():
    def denoise(x_BN: Tensor, t_B: Tensor) -> Tensor:
        return x_BN

    assert filtered(denoise, Filter()) is denoise


@pytest.mark.parametrize("wrong", [{"temperature": 0.0}, {"top_k": -1}, {"top_p": 0.0}, {"top_p": 1.1}], ids=str)
def test_wrong_numbers_are_named(wrong: dict):
    name, value = next(iter(wrong.items()))
    with pytest.raises(ConfigError, match=f"{name}={value}"):
        Filter(**wrong)
