"""The token level: shared and routed experts of two groups."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from moe_sequences import apply, sequence_of
from torch import Tensor

from unif2ace.errors import ConfigError
from unif2ace.nets.moe.backends import Backend
from unif2ace.nets.moe.backends.loop import LoopBackend
from unif2ace.nets.moe.dense import DenseMoE
from unif2ace.nets.moe.token import TokenLevel, TokenMoE
from unif2ace.types import Role, TokenSequence

D = 16


def _layer(dtype: torch.dtype = torch.float64, **options) -> TokenLevel:
    torch.manual_seed(0)
    layer = TokenMoE(
        **{"num_experts": 6, "top_k": 2, "expert_ffn_dim": 8, "shared_ffn_dim": 24, **options}
    ).token_layer(D)
    assert isinstance(layer, TokenLevel)
    return layer.to(dtype)


def _stream(sequence: TokenSequence, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*sequence.ids.shape, D, dtype=dtype, generator=torch.Generator().manual_seed(1))


def _literal(layer: TokenLevel, x_D: Tensor, group: int) -> Tensor:
    """One token, from the definitions."""
    routed, n = layer.routed, layer.routed.router.num_experts
    p = (routed.router.weight[group * n : (group + 1) * n] @ x_D).softmax(0)
    best = p.topk(routed.router.top_k).indices
    y = torch.zeros_like(x_D)
    for e in best.tolist():
        w_in, w_out = routed.weight_in[group * n + e], routed.weight_out[group * n + e]
        y = y + p[e] / p[best].sum() * (w_out @ (torch.nn.functional.silu(w_in[0] @ x_D) * (w_in[1] @ x_D)))
    return y + layer.shared[group % len(layer.shared)](x_D) if layer.shared else y


@pytest.mark.parametrize("shared", ["each", "tied", "none"])
def test_each_real_token_gets_its_groups_experts(shared: str):
    sequence, layer = sequence_of(), _layer(shared=shared)
    x = _stream(sequence)
    y, stats = apply(layer, x, sequence)
    for b, column in sequence.real.nonzero().tolist():
        torch.testing.assert_close(y[b, column], _literal(layer, x[b, column], int(b >= 2)))
    assert y.isfinite().all()
    assert stats.count.tolist() == [int(sequence.real[:2].sum()), int(sequence.real[2:].sum())]


def test_rows_of_both_tasks_in_any_order():
    sequence, layer = sequence_of(), _layer()
    x = _stream(sequence)
    order = torch.tensor([2, 0, 3, 1])
    mixed = replace(sequence, ids=sequence.ids[order], role=sequence.role[order], task=sequence.task[order])
    torch.testing.assert_close(apply(layer, x[order], mixed)[0], apply(layer, x, sequence)[0][order])


def test_no_token_is_dropped_when_all_want_the_same_experts():
    sequence, layer = sequence_of(gen=3, und=0), _layer()
    with torch.no_grad():
        layer.routed.router.weight[:2] = 0
        layer.routed.router.weight[2:6] = -1e3
    x = _stream(sequence).abs()
    y, stats = apply(layer, x, sequence)
    real = int(sequence.real.sum())
    assert stats.assigned[0].tolist() == [real, real, 0, 0, 0, 0]
    for b, column in sequence.real.nonzero().tolist():
        torch.testing.assert_close(y[b, column], _literal(layer, x[b, column], 0))


def test_padding_reaches_nothing():
    sequence, layer = sequence_of(), _layer()
    assert not sequence.real.all()
    x = _stream(sequence)
    other = torch.where(sequence.real[..., None], x, 100 * torch.randn_like(x))
    grads = []
    for stream in (x, other):
        y, stats = apply(layer, stream, sequence)
        weights = [p for n, p in layer.named_parameters() if n.startswith("routed")]
        objective = y[sequence.real].square().sum() + stats.z.sum() + stats.probability.square().sum()
        grads.append((*torch.autograd.grad(objective, weights), stats.assigned, stats.probability.detach()))
    for a, b in zip(*grads, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("shared", ["each", "tied", "none"])
@pytest.mark.parametrize(("gen", "und"), [(2, 0), (0, 2)])
def test_one_task_alone_trains_its_group_and_gives_the_other_zeros(gen: int, und: int, shared: str):
    sequence, layer = sequence_of(gen, und), _layer(shared=shared)
    y, stats = apply(layer, _stream(sequence), sequence)
    (y.sum() + stats.probability.square().sum() + stats.z.sum()).backward()
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None, name
        halves = list(parameter.grad.chunk(2)) if name.startswith("routed") else []
        if halves:
            assert not halves[gen > 0].any(), name
            assert halves[und > 0].any(), name
    if shared == "each":
        assert not layer.shared[gen > 0].up.weight.grad.any()
        assert layer.shared[und > 0].up.weight.grad.any()
    assert not stats.assigned[int(gen > 0)].any()


def test_no_rows_and_no_columns():
    sequence, layer = sequence_of(), _layer()
    for part in (slice(0, 0), slice(0, 4)):
        columns = slice(None) if part.stop == 0 else slice(0, 0)
        cut = replace(
            sequence, ids=sequence.ids[part, columns], role=sequence.role[part, columns], task=sequence.task[part]
        )
        y, stats = apply(layer, _stream(sequence)[part, columns], cut)
        assert y.shape == (*cut.ids.shape, D)
        (y.sum() + stats.probability.sum()).backward()
    assert all(p.grad is not None and not p.grad.any() for p in layer.parameters())


def test_autocast_computes_experts_in_bfloat16_and_gradients_in_float32():
    sequence, layer = sequence_of(), _layer(torch.float32)
    x = _stream(sequence, torch.float32)
    exact, _ = apply(layer, x, sequence)
    with torch.autocast("cpu", torch.bfloat16):
        y, stats = apply(layer, x, sequence)
    assert y.dtype == torch.bfloat16
    assert stats.z.dtype == torch.float32
    real = sequence.real
    torch.testing.assert_close(
        y[real].float(), exact[real], rtol=0, atol=0.02 * float(exact[real].detach().abs().max())
    )
    y.float().sum().backward()
    assert all(p.grad.dtype == torch.float32 for p in layer.parameters())


@pytest.mark.parametrize(
    "backend", [LoopBackend(), "loop", "cpu", "grouped_mm"], ids=["itself", "loop", "cpu", "grouped_mm"]
)
def test_the_backend_can_be_chosen(backend: Backend):
    sequence = sequence_of()
    x = _stream(sequence)
    torch.testing.assert_close(apply(_layer(), x, sequence)[0], apply(_layer(backend=backend), x, sequence)[0])


@pytest.mark.parametrize("shared", ["each", "tied"])
def test_upcycling_keeps_the_dense_function_and_can_leave_it(shared: str):
    sequence = sequence_of()
    x = _stream(sequence)
    dense = DenseMoE(shared_ffn_dim=24).token_layer(D).double()
    layer = _layer(shared=shared)
    layer.upcycle_(dense.network.state_dict())
    y, stats = apply(layer, x, sequence)
    assert torch.equal(y, apply(dense, x, sequence)[0])
    (y.square().sum()).backward()
    assert layer.routed.weight_out.grad.flatten(1).any(1)[stats.assigned.flatten() > 0].all()
    with torch.no_grad():
        layer.routed.weight_out -= 0.1 * layer.routed.weight_out.grad
    layer.zero_grad()
    apply(layer, x, sequence)[0].square().sum().backward()
    assert layer.routed.weight_in.grad.any()
    assert layer.routed.router.weight.grad.any()


def test_upcycling_says_what_does_not_fit():
    dense = DenseMoE(shared_ffn_dim=20).token_layer(D).double()
    with pytest.raises(ConfigError, match=r"moe\.shared_ffn_dim"):
        _layer().upcycle_(dense.network.state_dict())
    with pytest.raises(ConfigError, match="shared"):
        _layer(shared="none").upcycle_(dense.network.state_dict())


def test_a_dense_layer_takes_dense_weights():
    sequence = sequence_of()
    x = _stream(sequence)
    one, other = DenseMoE().token_layer(D).double(), DenseMoE().token_layer(D).double()
    other.upcycle_(one.network.state_dict())
    y, stats = apply(other, x, sequence)
    assert torch.equal(y, apply(one, x, sequence)[0])
    assert stats is None
    assert one.network.up.weight.shape == (4 * D, D)
    weights = one.network
    hidden = x @ weights.up.weight.T + weights.up.bias
    gelu = 0.5 * hidden * (1 + torch.tanh((2 / torch.pi) ** 0.5 * (hidden + 0.044715 * hidden**3)))
    torch.testing.assert_close(y, gelu @ weights.down.weight.T + weights.down.bias)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"shared": "eachh"}, "each"),
        ({"expert_ffn_dim": 0}, "expert_ffn_dim"),
        ({"shared_ffn_dim": 0}, "shared_ffn_dim"),
        ({"backend": "lop"}, "loop"),
    ],
)
def test_options_are_checked(options: dict, word: str):
    with pytest.raises(ConfigError, match=word):
        _layer(**options)


def test_the_weights_stand_as_tensor_parallelism_wants_them():
    layer = _layer()
    assert layer.routed.weight_in.shape == (12, 2, 8, D)
    assert layer.routed.weight_out.shape == (12, D, 8)
    assert int((sequence_of().role == Role.PAD).sum()) > 0
