"""Ways to compute attention against its formula, and rotary positions against complex numbers."""

from __future__ import annotations

import pytest
import torch

from unif2ace.errors import ConfigError
from unif2ace.nets.transformer.attentions.base import AttentionInputs
from unif2ace.nets.transformer.attentions.multi_head import MultiHeadAttention
from unif2ace.nets.transformer.kernels import Mask, attend, fastest
from unif2ace.nets.transformer.rotary import rotary_tables, rotate
from unif2ace.types import SequenceParts, TokenSequence


def _heads(length, width, dtype=torch.float64, kv_heads=3):
    g = torch.Generator().manual_seed(0)
    shapes = (2, 3 if kv_heads == 3 else 4, length, 8), (2, kv_heads, width, 8), (2, kv_heads, width, 8)
    return [torch.randn(*s, generator=g, dtype=torch.float64).to(dtype).requires_grad_() for s in shapes]


def _formula(q, k, v, allowed):
    k, v = (torch.stack([x[:, h * x.shape[1] // q.shape[1]] for h in range(q.shape[1])], 1) for x in (k, v))
    scores = torch.einsum("bhld,bhpd->bhlp", q, k) / 8**0.5
    weight = scores.exp() * allowed
    return torch.einsum("bhlp,bhpd->bhld", weight / weight.sum(-1, keepdim=True), v)


def _allowed(length, width):
    g = torch.Generator().manual_seed(1)
    allowed = torch.rand(2, 1, length, width, generator=g) < 0.5
    allowed[..., 0] = True
    return allowed


@pytest.mark.filterwarnings("ignore:flex_attention called without")
@pytest.mark.parametrize("kernel", ["sdpa", "math", "flex"])
@pytest.mark.parametrize(("length", "width", "kv_heads"), [(6, 6, 3), (4, 9, 2), (1, 7, 3)])
@pytest.mark.parametrize("masked", [True, False])
def test_every_way_computes_the_formula(kernel, length, width, masked, kv_heads):
    dtype = torch.float32 if kernel == "flex" else torch.float64
    q, k, v = (x.detach() for x in _heads(length, width, dtype, kv_heads))
    allowed = _allowed(length, width) if masked else torch.ones(length, width, dtype=torch.bool).tril(width - length)
    with torch.no_grad():
        found = attend(q, k, v, Mask(allowed if masked else None), kernel)
    atol = 1e-5 if kernel == "flex" else 1e-12
    torch.testing.assert_close(found, _formula(q, k, v, allowed), atol=atol, rtol=atol)


@pytest.mark.parametrize("kernel", ["sdpa", "math"])
@pytest.mark.parametrize("kv_heads", [3, 2])
def test_gradients_are_those_of_the_formula(kernel, kv_heads):
    inputs = _heads(5, 5, kv_heads=kv_heads)
    allowed = _allowed(5, 5)
    wanted = torch.autograd.grad(_formula(*inputs, allowed).sin().sum(), inputs)
    found = torch.autograd.grad(attend(*inputs, Mask(allowed), kernel).sin().sum(), inputs)
    for a, b in zip(found, wanted, strict=True):
        torch.testing.assert_close(a, b)


def test_flex_says_where_it_trains():
    with pytest.raises(ConfigError, match="GPU"):
        attend(*_heads(5, 5), Mask(None), "flex")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("kernel", ["sdpa", "math"])
def test_16_bits_are_near_and_hide_what_is_hidden(kernel, dtype):
    q, k, v = (x.detach() for x in _heads(6, 6, dtype))
    allowed = torch.ones(2, 1, 6, 6, dtype=torch.bool).tril()
    found = attend(q, k, v, Mask(allowed), kernel)
    assert found.dtype == dtype
    torch.testing.assert_close(found.double(), _formula(q.double(), k.double(), v.double(), allowed), atol=0.05, rtol=0)
    changed = [x.clone() for x in (k, v)]
    for x in changed:
        x[:, :, 3:] += 100
    assert torch.equal(attend(q, *changed, Mask(allowed), kernel)[:, :, :3], found[:, :, :3])


def test_the_choice_by_itself_is_known_or_probed_once():
    assert fastest("cuda", torch.bfloat16, True) == fastest("cpu", torch.float32, True) == "sdpa"
    first = fastest("cpu", torch.bfloat16, True)
    assert first in ("sdpa", "math")
    hits = fastest.cache_info().hits
    assert fastest("cpu", torch.bfloat16, True) == first
    assert fastest.cache_info().hits == hits + 1


def test_rotation_is_multiplication_by_a_complex_phase():
    position = torch.tensor([0, 3, 700, 5, 6, 7])
    x = torch.randn(6, 4, 10, dtype=torch.float64)
    found = rotate(x, rotary_tables(position, 6, 10000.0, x.dtype))
    for number in range(3):
        phase = torch.polar(torch.ones(()).double(), position.double() * 10000.0 ** (-2 * number / 6))
        wanted = torch.complex(x[..., number], x[..., number + 3]) * phase[:, None]
        torch.testing.assert_close(found[..., number], wanted.real)
        torch.testing.assert_close(found[..., number + 3], wanted.imag)
    assert torch.equal(found[..., 6:], x[..., 6:])


def test_scores_depend_on_distances_alone():
    q, k = torch.randn(2, 5, 1, 8, dtype=torch.float64)
    here, there = (rotary_tables(torch.arange(5) + shift, 8, 10000.0, q.dtype) for shift in (0, 1234))
    first, second = (rotate(q, at)[:, 0] @ rotate(k, at)[:, 0].T for at in (here, there))
    torch.testing.assert_close(first, second)


def test_no_rotated_part_leaves_the_head_as_it_is():
    x = torch.randn(3, 2, 4)
    assert torch.equal(rotate(x, rotary_tables(torch.arange(3), 0, 10000.0, x.dtype)), x)


@pytest.mark.parametrize("normed", [True, False])
def test_queries_and_keys_are_normalised_before_they_turn(normed):
    torch.manual_seed(0)
    attention = MultiHeadAttention(16, 2, normed).double()
    x = torch.randn(5, 16, dtype=torch.float64)
    place = torch.arange(5)[None]
    sequences = SequenceParts.of(TokenSequence(place, place, torch.zeros(1), place, None))
    tables = rotary_tables(place[0], 4, 10000.0, x.dtype)
    view = AttentionInputs(sequences, tables, (Mask(None),), "sdpa", 0)
    wanted = attention(x, view)
    with torch.no_grad():
        attention.qkv.weight[:32] *= 3  # queries and keys
        attention.qkv.bias[:32] *= 3
    same = torch.allclose(attention(x, view), wanted, atol=1e-4)
    assert same == normed
