"""Slices of one head: their values and gradients against plain autograd."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import linear
from torch.utils._python_dispatch import TorchDispatchMode

from unif2ace.nets.transformer.head import sliced_logits

SPANS = ((0, 4), (3, 9), (6, 11))
"""They overlap, as text and the whole vocabulary do."""


def _inputs(seed=0, dtype=torch.float64):
    g = torch.Generator().manual_seed(seed)
    draw = [torch.randn(*shape, generator=g, dtype=dtype) for shape in ((11, 5), (11,), (3, 5), (0, 5), (4, 5))]
    return [x.requires_grad_() for x in draw]


def _plain(weight, bias, *hidden):
    return [linear(h, weight[a:b], bias[a:b]) for h, (a, b) in zip(hidden, SPANS, strict=True)]


def _ours(weight, bias, *hidden):
    return sliced_logits(weight, bias, list(zip(hidden, SPANS, strict=True)))


def test_gradients_by_finite_differences():
    torch.autograd.gradcheck(_ours, _inputs())


@pytest.mark.parametrize("used", [(0, 1, 2), (1,), (0, 2)])
def test_values_and_gradients_are_those_of_autograd(used):
    inputs = _inputs()
    ours, plain = _ours(*inputs), _plain(*inputs)
    for a, b in zip(ours, plain, strict=True):
        torch.testing.assert_close(a, b)
    found, wanted = (
        torch.autograd.grad(sum(x[i].square().sum() for i in used), inputs, allow_unused=True) for x in (ours, plain)
    )
    for a, b in zip(found, wanted, strict=True):
        torch.testing.assert_close(a, torch.zeros_like(a) if b is None else b)


def test_using_the_head_twice_adds_up():
    inputs = _inputs()
    twice = sum(x.sin().sum() for _ in range(2) for x in _ours(*inputs))
    once = sum(x.sin().sum() for x in _ours(*inputs))
    for a, b in zip(torch.autograd.grad(twice, inputs), torch.autograd.grad(once, inputs), strict=True):
        torch.testing.assert_close(a, 2 * b)


def test_a_gradient_for_the_hidden_states_alone_leaves_no_trace():
    weight, bias, *hidden = _inputs()
    torch.autograd.grad(_ours(weight, bias, *hidden)[0].sum(), hidden[0])
    sum(x.sin().sum() for x in _ours(weight, bias, *hidden)).backward()
    twin = _inputs()
    sum(x.sin().sum() for x in _plain(*twin)).backward()
    torch.testing.assert_close(weight.grad, twin[0].grad)
    assert weight.grad.shape == (11, 5)


def test_a_frozen_head_gets_no_gradient():
    weight, bias, *hidden = _inputs()
    out = _ours(weight.detach(), bias.detach(), *hidden)
    wanted = torch.autograd.grad(_plain(weight, bias, *hidden)[2].sum(), hidden[2])
    torch.testing.assert_close(torch.autograd.grad(out[2].sum(), hidden[2]), wanted)


class _Allocations(TorchDispatchMode):
    """Counts new tensors of one shape."""

    def __init__(self, shape):
        super().__init__()
        self.shape, self.seen = shape, set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if isinstance(out, torch.Tensor) and out.shape == self.shape:
            self.seen.add(out.untyped_storage().data_ptr())
        return out


def test_all_slices_share_one_gradient():
    counts = []
    for function in (_ours, _plain):
        inputs = _inputs()
        loss = sum(x.square().sum() for x in function(*inputs))
        with _Allocations(inputs[0].shape) as allocations:
            loss.backward()
        counts.append(len(allocations.seen - {inputs[0].data_ptr()}))
    assert counts[0] == 1
    assert counts[1] > 1


def test_16_bits_under_autocast_come_back_in_32():
    inputs = _inputs(dtype=torch.float32)
    wanted = _plain(*inputs)
    with torch.autocast("cpu", torch.bfloat16):
        found = _ours(*inputs)
    for a, b in zip(found, wanted, strict=True):
        assert a.dtype == torch.float32
        torch.testing.assert_close(a, b, atol=0.1, rtol=0.02)
    sum(x.sum() for x in found).backward()
    assert all(x.grad.dtype == torch.float32 for x in inputs)
    torch.testing.assert_close(inputs[1].grad[3], torch.tensor(3.0))
