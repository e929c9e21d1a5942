"""All backends of routed experts give what one token at a time gives, and the same gradients."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from unif2ace.errors import ConfigError
from unif2ace.nets.moe.backends import expert_backend
from unif2ace.nets.moe.backends.auto import AutoBackend
from unif2ace.nets.moe.backends.base import ExpertBackend
from unif2ace.nets.moe.backends.cpu import CPUBackend
from unif2ace.nets.moe.backends.dispatch import Dispatch, gather_rows, sum_rows
from unif2ace.nets.moe.backends.grouped_mm import GroupedMMBackend
from unif2ace.nets.moe.backends.loop import LoopBackend

BACKENDS = {"cpu": CPUBackend(), "grouped_mm": GroupedMMBackend(), "loop": LoopBackend(), "auto": AutoBackend()}
D, H, K = 16, 8, 2


def _chosen(load: str) -> tuple[Tensor, int]:
    """int64 (T, K) with choices, and the number of experts."""
    generator = torch.Generator().manual_seed(0)
    if load == "even":
        return torch.rand(40, 6, generator=generator).argsort(1)[:, :K], 6
    if load == "skewed":
        weight = 1 / torch.arange(1, 13, dtype=torch.float64) ** 2
        return torch.multinomial(weight.expand(60, -1), K, generator=generator), 12
    if load == "starved":
        return torch.rand(30, 4, generator=generator).argsort(1)[:, :K] * 2 + 1, 9
    if load == "everybody to two":
        return torch.tensor([2, 0]).expand(50, -1).clone(), 4
    if load == "padding":
        expert = torch.rand(30, 5, generator=generator).argsort(1)[:, :K]
        expert[::3] = 5
        return expert, 5
    if load == "only padding":
        return torch.full((7, K), 5), 5
    return torch.randint(0, 300, ({"one token": 1, "no token": 0}[load], K), generator=generator), 300


LOADS = ["even", "skewed", "starved", "everybody to two", "padding", "only padding", "one token", "no token"]


def _inputs(tokens: int, experts: int, dtype: torch.dtype, expert_TK: Tensor) -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    shapes = [(tokens, D), (tokens, K), (experts, 2, H, D), (experts, D, H)]
    values = [torch.randn(s, generator=generator, dtype=torch.float64) for s in shapes]
    values[1] = values[1].abs() * (expert_TK < experts)
    return [v.to(dtype).requires_grad_() for v in values]


def _literal(x_TD: Tensor, gate_TK: Tensor, expert_TK: Tensor, in_E2HD: Tensor, out_EDH: Tensor) -> Tensor:
    rows = []
    for t in range(len(x_TD)):
        row = 0 * x_TD[t]
        for k in range(K):
            if (e := int(expert_TK[t, k])) < len(out_EDH):
                before, value = in_E2HD[e, 0] @ x_TD[t], in_E2HD[e, 1] @ x_TD[t]
                row = row + gate_TK[t, k] * (out_EDH[e] @ (before * torch.sigmoid(before) * value))
        rows.append(row)
    return torch.stack(rows) if rows else 0 * x_TD


def _run(backend: ExpertBackend | None, load: str, dtype: torch.dtype) -> list[Tensor]:
    """Output and gradients, for a given backend or the literal sum."""
    expert_TK, experts = _chosen(load)
    inputs = _inputs(len(expert_TK), experts, dtype, expert_TK)
    x, gate, w_in, w_out = inputs
    if backend is None:
        y = _literal(x, gate, expert_TK, w_in, w_out)
    else:
        y = backend(x, gate, Dispatch.of(expert_TK, experts), w_in, w_out)
    weight = torch.randn(y.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64).to(dtype)
    grads = torch.autograd.grad(
        (y * weight).sum(), inputs, allow_unused=backend is None, materialize_grads=backend is None
    )
    real = (expert_TK < experts).all(1, keepdim=True)  # the gate of padding is fixed at 0: its gradient means nothing
    return [y.detach(), grads[0], grads[1] * real, *grads[2:]]


def _assert_close(got: list[Tensor], expected: list[Tensor], tolerance: float) -> None:
    for g, e in zip(got, expected, strict=True):
        assert g.shape == e.shape
        largest = float(e.abs().max()) if e.numel() else 0.0
        torch.testing.assert_close(g.double(), e.double(), rtol=0, atol=tolerance * max(largest, 1e-30))


@pytest.mark.parametrize("load", LOADS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_output_and_gradients_are_those_of_one_token_at_a_time(backend: str, load: str):
    expected = _run(None, load, torch.float64)
    _assert_close(_run(BACKENDS[backend], load, torch.float64), expected, 1e-13)
    _assert_close(_run(BACKENDS[backend], load, torch.float32), expected, 1e-5 / 2)


@pytest.mark.parametrize("load", ["even", "skewed", "padding"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_bfloat16_is_as_near_as_its_rounding(backend: str, load: str):
    _assert_close(_run(BACKENDS[backend], load, torch.bfloat16), _run(None, load, torch.float64), 0.03)


@pytest.mark.parametrize("load", ["even", "starved", "padding"])
def test_gradients_of_the_backward_pass_written_by_hand(load: str):
    expert_TK, experts = _chosen(load)
    expert_TK = expert_TK[:6]
    dispatch = Dispatch.of(expert_TK, experts)
    x, gate, w_in, w_out = (t.detach() for t in _inputs(len(expert_TK), experts, torch.float64, expert_TK))
    inputs = [
        t.requires_grad_() for t in (x[:, :5].clone(), gate, w_in[:, :, :3, :5].clone(), w_out[:, :5, :3].clone())
    ]

    def masked(x: Tensor, gate: Tensor, w_in: Tensor, w_out: Tensor) -> Tensor:
        return CPUBackend()(x, gate * (expert_TK < experts), dispatch, w_in, w_out)

    assert torch.autograd.gradcheck(masked, inputs)


@pytest.mark.parametrize("backend", BACKENDS)
def test_experts_that_nobody_chose_get_a_gradient_of_zero(backend: str):
    *_, w_in, w_out = _run(BACKENDS[backend], "starved", torch.float32)
    assert not w_in[::2].any()
    assert not w_out[::2].any()
    assert w_in[1::2].flatten(1).any(1).all()
    assert w_out[1::2].flatten(1).any(1).all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_without_gradients_nothing_else_comes_out(backend: str):
    expert_TK, experts = _chosen("padding")
    x, gate, w_in, w_out = _inputs(len(expert_TK), experts, torch.float32, expert_TK)
    dispatch = Dispatch.of(expert_TK, experts)
    with torch.no_grad():
        y = BACKENDS[backend](x, gate, dispatch, w_in, w_out)
    torch.testing.assert_close(y, BACKENDS[backend](x, gate, dispatch, w_in, w_out))
    assert not y[::3].any()  # padding


def test_inputs_are_not_changed():
    for way in BACKENDS.values():
        expert_TK, experts = _chosen("even")
        inputs = _inputs(len(expert_TK), experts, torch.float32, expert_TK)
        before = [t.detach().clone() for t in inputs]
        way(*inputs[:2], Dispatch.of(expert_TK, experts), *inputs[2:]).sum().backward()
        assert all(torch.equal(a, b) for a, b in zip(before, inputs, strict=True))


def test_widths_that_the_grouped_product_refuses_take_another_backend():
    x, w_in, w_out = torch.randn(10, 7), torch.randn(3, 2, 5, 7), torch.randn(3, 7, 5)
    expert, gate = torch.randint(0, 3, (10, 1)), torch.rand(10, 1)
    dispatch = Dispatch.of(expert, 3)
    torch.testing.assert_close(
        GroupedMMBackend()(x, gate, dispatch, w_in, w_out), LoopBackend()(x, gate, dispatch, w_in, w_out)
    )


def test_the_backend_follows_the_load():
    auto = AutoBackend(short=4)
    w_out = torch.zeros(8, D, H, requires_grad=True)
    assert isinstance(auto.choose(torch.zeros(40, D), torch.zeros(40, K), w_out), CPUBackend)
    assert isinstance(auto.choose(torch.zeros(16, D), torch.zeros(16, K), w_out), GroupedMMBackend)
    assert isinstance(auto.choose(torch.zeros(16, D).double(), torch.zeros(16, K), w_out), CPUBackend)
    assert isinstance(auto.choose(torch.zeros(16, D, device="meta"), torch.zeros(16, K), w_out), LoopBackend)


@pytest.mark.parametrize("experts", [5, 255, 256, 40_000])
def test_the_order_is_that_of_experts_and_then_of_tokens(experts: int):
    expert_TK = torch.randint(0, experts + 1, (30, 3), generator=torch.Generator().manual_seed(0))
    expert_TK[3, 1] = experts
    dispatch = Dispatch.of(expert_TK, experts)
    flat = expert_TK.flatten()
    assert dispatch.order.tolist() == sorted(range(90), key=lambda slot: (int(flat[slot]), slot))
    assert torch.equal(dispatch.order[dispatch.place.flatten()], torch.arange(90))
    assert (
        dispatch.ends.diff(prepend=torch.zeros(1)).long().tolist() == flat.bincount(minlength=experts + 1)[:-1].tolist()
    )


def test_gathering_and_summing_rows_are_adjoint():
    dispatch = Dispatch.of(_chosen("skewed")[0], 12)
    x = torch.randn(60, 3, dtype=torch.float64, requires_grad=True)
    y = torch.randn(120, 3, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close((gather_rows(x, dispatch) * y).sum(), (x * sum_rows(y, dispatch)).sum())
    assert torch.autograd.gradcheck(lambda x: gather_rows(x, dispatch), x)
    assert torch.autograd.gradcheck(lambda y: sum_rows(y, dispatch), y)


def test_the_activation_is_the_sigmoid_linear_unit():
    x = torch.randn(4, D)
    one = Dispatch.of(torch.zeros(4, 1, dtype=torch.int64), 1)
    w_in, w_out = torch.randn(1, 2, H, D), torch.randn(1, D, H)
    expected = (functional.silu(x @ w_in[0, 0].T) * (x @ w_in[0, 1].T)) @ w_out[0].T
    torch.testing.assert_close(CPUBackend()(x, torch.ones(4, 1), one, w_in, w_out), expected)


def test_a_backend_has_a_name():
    for name, backend in BACKENDS.items():
        assert type(expert_backend(name)) is type(backend)
        assert expert_backend(backend) is backend
    with pytest.raises(ConfigError, match=r"moe\.backend='grouped'.*auto, cpu, grouped_mm, loop"):
        expert_backend("grouped")  # type: ignore[arg-type]
