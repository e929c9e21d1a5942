"""The resampler: what reaches the span, what does not, and that every parameter always has a gradient."""

from __future__ import annotations

import pytest
import torch

from unif2ace.errors import ConfigError
from unif2ace.nets.visual_encoders.resampler import Resampler
from unif2ace.types import Condition

F, D, N = 5, 8, 3


@pytest.fixture
def resampler():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Resampler(F, D, N, heads=2).double()


def _condition(rows: int = 4, vectors: int = 6, seed: int = 0) -> Condition:
    g = torch.Generator().manual_seed(seed)
    values = torch.randn(rows, vectors, F, generator=g, dtype=torch.float64)
    return Condition(values, torch.arange(rows) % 2 == 0)


@pytest.mark.parametrize("vectors", [1, 6])
def test_shape_and_presence(resampler, vectors):
    out = resampler(_condition(vectors=vectors))
    assert out.values.shape == (4, N, D)
    assert out.present.tolist() == [True, False, True, False]
    assert (out.values[1::2] == 0).all()
    assert (out.values[::2].abs().amax(-1) > 0).all()


def test_what_is_not_present_is_neither_heard_nor_harmful(resampler):
    clean, dirty = _condition(), _condition()
    dirty.values[1], dirty.values[3] = torch.nan, torch.inf
    assert torch.equal(resampler(dirty).values, resampler(clean).values)
    resampler(dirty).values.sum().backward()
    assert all(p.grad.isfinite().all() for p in resampler.parameters())


@pytest.mark.parametrize("rows", [4, 0])
def test_every_parameter_has_a_gradient_though_nothing_is_present(resampler, rows):
    condition = _condition(rows)
    nothing = Condition(condition.values, torch.zeros(rows, dtype=torch.bool))
    resampler(nothing).values.sum().backward()
    assert all(p.grad is not None and (p.grad == 0).all() for p in resampler.parameters())


def test_every_parameter_is_used_where_something_is_present(resampler):
    (resampler(_condition()).values * torch.randn(N, D, dtype=torch.float64)).sum().backward()
    unused = [name for name, p in resampler.named_parameters() if (p.grad == 0).all()]
    assert not unused


def test_rows_do_not_mix_and_the_order_of_vectors_does_not_matter(resampler):
    condition = _condition()
    out = resampler(condition).values
    alone = resampler(Condition(condition.values[2:3].flip(1), condition.present[2:3])).values
    assert torch.allclose(alone[0], out[2])
    assert not torch.allclose(out[0], out[2], atol=0.1)
    assert not torch.allclose(out[0, 0], out[0, 1], atol=1e-3)  # each token hears something of its own


def test_the_gradient_is_right(resampler):
    values = _condition().values.requires_grad_()
    present = torch.tensor([True, False, True, True])
    assert torch.autograd.gradcheck(lambda v: resampler(Condition(v, present)).values, values)


def test_the_heads_look_at_different_vectors_as_multi_head_attention_does(resampler):
    values = _condition().values
    read = resampler._read(values)
    query = resampler.to_query(resampler.query_norm(resampler.query))
    key, value = resampler.to_key_value(values).chunk(2, -1)
    found = [
        (query[:, h] @ key[..., h].mT / 2).softmax(-1) @ value[..., h] for h in (slice(0, 4), slice(4, 8))
    ]  # sqrt(4) = 2
    assert torch.allclose(read, resampler.to_out(torch.cat(found, -1)))


def test_heads_must_divide_the_width():
    with pytest.raises(ConfigError, match=r"net\.dim=10: it must be a multiple of 4"):
        Resampler(F, 10, N)
