"""The sequence level: experts for whole rows, affine in the stream."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from moe_sequences import GEN, VOCABULARY, apply, sequence_of
from torch import Tensor

from unif2ace.errors import ConfigError
from unif2ace.nets.moe.sequence import SequenceLevel, SequenceMoE
from unif2ace.sequence.sequence_layout import cut
from unif2ace.types import Condition, SequenceParts, TokenSequence

D, N = 8, 4


def _level(scale: float = 0.7, dtype: torch.dtype = torch.float64, **options) -> SequenceLevel:
    torch.manual_seed(0)
    level = SequenceMoE(residual_scale_init=scale, **options).sequence_layer(D, ["noise", "clip", "face"])
    assert isinstance(level, SequenceLevel)
    torch.nn.init.normal_(level.blend)
    with torch.no_grad():
        level.router.weight *= 3
    return level.to(dtype)


def _conditions(rows: int, dtype: torch.dtype = torch.float64) -> dict[str, Condition]:
    generator = torch.Generator().manual_seed(3)
    values = {
        name: torch.randn(rows, m, D, dtype=dtype, generator=generator)
        for name, m in (("noise", 1), ("clip", N), ("face", N))
    }
    present = {
        "noise": torch.ones(rows, dtype=torch.bool),
        "clip": torch.arange(rows) % 3 != 1,
        "face": torch.arange(rows) % 2 == 0,
    }
    for name, value in values.items():
        value[~present[name]] = torch.nan
    return {name: Condition(values[name], present[name]) for name in values}


def _stream(sequence: TokenSequence, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*sequence.ids.shape, D, dtype=dtype, generator=torch.Generator().manual_seed(1))


def _literal(level: SequenceLevel, x: Tensor, sequence: TokenSequence, conditions: dict[str, Condition]) -> Tensor:
    """Makes the output of every expert, and sums those chosen."""
    added = torch.zeros_like(x)
    places = list(level.places)
    for b in range(len(x)):
        group = int(sequence.task[b] != GEN)
        start = int(sequence.image_start[b])
        span = x[b, start : start + N]
        names = level.names[group]
        n = len(names)
        logits = level.router.weight[group * n : (group + 1) * n] @ span.mean(0)
        outputs = []
        for e, name in enumerate(names):
            if name == "copy":
                outputs.append(span)
            elif name == "zero":
                outputs.append(torch.zeros_like(span))
            elif not conditions[name].present[b]:
                logits = logits.index_fill(0, torch.tensor(e), -torch.inf)
                outputs.append(torch.zeros_like(span))
            else:
                w = level.blend.view(-1, 2)[places.index(group * n + e)].softmax(0)
                outputs.append(w[0] * span + w[1] * conditions[name].values[b])
        p = logits.softmax(0)
        best = p.topk(2).indices.tolist()
        added[b, start : start + N] = sum(p[e] * outputs[e] for e in best) / sum(p[e] for e in best) * level.scale
    return added


def test_the_fused_form_is_the_literal_one():
    chosen: set[str] = set()
    for seed in range(6):
        sequence, level = sequence_of(gen=5, und=6), _level()
        torch.nn.init.normal_(level.router.weight, generator=torch.Generator().manual_seed(seed))
        x, conditions = _stream(sequence), _conditions(11)
        out, stats = apply(level, x, sequence, conditions)
        torch.testing.assert_close(out, _literal(level, x, sequence, conditions))
        flat = [name for names in level.names for name in names]
        chosen |= {flat[e] for e in stats.assigned.flatten().nonzero().flatten().tolist()}
        assert stats.level == "sequence"
        assert stats.count.tolist() == [5, 6]
    assert chosen == {"copy", "zero", "noise", "clip", "face"}


def test_gradients_in_double_precision():
    sequence, level = sequence_of(gen=1, und=1), _level()
    conditions = _conditions(2)
    values = {name: torch.where(c.present[:, None, None], c.values, 0) for name, c in conditions.items()}
    names = [name for name, _ in level.named_parameters()]

    def run(x: Tensor, *rest: Tensor):
        filled = {n: Condition(v, conditions[n].present) for n, v in zip(values, rest, strict=False)}
        state = dict(zip(names, rest[len(values) :], strict=True))
        given = x.flatten(0, 1), SequenceParts.of(sequence), filled
        return torch.func.functional_call(level, state, given)[0].view(x.shape)

    inputs = [_stream(sequence), *values.values(), *(p.detach().clone() for p in level.parameters())]
    assert torch.autograd.gradcheck(run, [t.requires_grad_() for t in inputs], fast_mode=True)


def test_lists_of_experts_follow_the_conditions():
    assert _level().names == (("copy", "zero", "noise", "copy"), ("clip", "face", "copy", "copy"))
    one = SequenceMoE().sequence_layer(D, ["face"])
    assert one.names[1] == ("face", "copy", "copy", "copy")
    many = SequenceMoE().sequence_layer(D, ["a", "b", "c"])
    assert many.names == (("copy", "zero", "noise", "copy", "copy"), ("a", "b", "c", "copy", "copy"))
    assert many.conditions == ("noise", "a", "b", "c")
    with pytest.raises(ConfigError, match="copy or zero"):
        SequenceMoE(gen_experts=["copy", "noise"]).sequence_layer(D, [])


def _only(level: SequenceLevel, group: int, experts: list[int]) -> SequenceLevel:
    """Makes rows of positive streams choose these experts, with equal gates."""
    n = len(level.names[0])
    with torch.no_grad():
        level.router.weight.fill_(-100)
        level.router.weight[[group * n + e for e in experts]] = 0
    return level


def test_copy_zero_and_blend():
    sequence = sequence_of(gen=2, und=0)
    x, conditions = _stream(sequence).abs(), _conditions(2)
    span = sequence.image_token_positions[0, 0], sequence.image_token_positions[0, -1] + 1
    of = slice(*map(int, span))
    copies, _ = apply(_only(_level(1.0), 0, [0, 3]), x, sequence, conditions)
    torch.testing.assert_close(copies[0, of], x[0, of])
    half, _ = apply(_only(_level(1.0), 0, [0, 1]), x, sequence, conditions)
    torch.testing.assert_close(half[0, of], x[0, of] / 2)
    level = _only(_level(1.0), 0, [1, 2])
    blended, _ = apply(level, x, sequence, conditions)
    w = level.blend[:2].softmax(0)
    torch.testing.assert_close(blended[0, of], (w[0] * x[0, of] + w[1] * conditions["noise"].values[0]) / 2)


def test_nothing_is_added_outside_the_image_and_nothing_else_is_read():
    sequence, level = sequence_of(), _level()
    x, conditions = _stream(sequence), _conditions(4)
    inside = torch.zeros(sequence.ids.shape, dtype=torch.bool).scatter(1, sequence.image_token_positions, True)
    out, stats = apply(level, x, sequence, conditions)
    assert not out[~inside].any()
    other, others = apply(level, torch.where(inside[..., None], x, torch.randn_like(x)), sequence, conditions)
    assert torch.equal(out, other)
    assert torch.equal(stats.probability, others.probability)


def test_rows_without_an_image_are_left_alone():
    sequence, level = sequence_of(), _level()
    x, conditions = _stream(sequence), _conditions(4)
    role = sequence.role.clone()
    role[3][role[3] == 4] = 2
    out, stats = apply(level, x, replace(sequence, role=role), conditions)
    assert not out[3].any()
    torch.testing.assert_close(out[:3], apply(level, x, sequence, conditions)[0][:3])
    assert stats.count.tolist() == [2, 1]
    assert stats.assigned.sum() == 6


def test_columns_after_the_image_add_nothing():
    sequence, level = sequence_of(gen=0, und=2), _level()
    later = cut(sequence, int(sequence.image_token_positions.max()) + 2)
    x = _stream(later)
    out, stats = apply(level, x, later, _conditions(2))
    assert stats is None
    assert not out.any()
    whole = _stream(sequence)
    conditions = _conditions(2)
    first = cut(sequence, 0, int(sequence.image_token_positions.max()) + 2)
    prefix, _ = apply(level, whole[:, : first.ids.shape[1]], first, conditions)
    torch.testing.assert_close(prefix, apply(level, whole, sequence, conditions)[0][:, : first.ids.shape[1]])


@pytest.mark.parametrize("case", ["gen", "und", "no image", "no conditions"])
def test_everything_gets_a_finite_gradient_in_every_step(case: str):
    sequence = sequence_of(2 * (case != "und"), 2 * (case != "gen"))
    rows = len(sequence.ids)
    level, conditions = _level(), _conditions(rows)
    for condition in conditions.values():
        condition.values.requires_grad_()
    if case == "no image":
        sequence = replace(sequence, image_start=None, num_image_tokens=0)
    given = {} if case == "no conditions" else conditions
    out, stats = apply(level, _stream(sequence).requires_grad_(), sequence, given)
    total = out.sum() + (stats.probability.square().sum() + stats.z.sum() if stats else 0)
    total.backward()
    for name, parameter in level.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
    for name, condition in conditions.items():
        if case != "no conditions":
            assert condition.values.grad is not None, name
            assert condition.values.grad.isfinite().all(), name
            assert not condition.values.grad[~condition.present].any()


def test_upcycling_adds_nothing_and_can_leave_it():
    sequence, level = sequence_of(), _level()
    level.upcycle_()
    out, _ = apply(level, _stream(sequence), sequence, _conditions(4))
    assert not out.any()
    out.backward(torch.ones_like(out))
    assert level.scale.grad.any()
    assert _level(0.0).scale.tolist() == [0]


def test_bfloat16_and_autocast():
    sequence, level = sequence_of(), _level(dtype=torch.float32)
    x, conditions = _stream(sequence, torch.float32), _conditions(4, torch.float32)
    exact, _ = apply(level, x, sequence, conditions)
    with torch.autocast("cpu", torch.bfloat16):
        same, _ = apply(level, x, sequence, conditions)
    torch.testing.assert_close(same, exact)
    narrow, stats = apply(level, x.bfloat16(), sequence, conditions)
    assert narrow.dtype == torch.bfloat16
    assert stats.z.dtype == torch.float32
    torch.testing.assert_close(narrow.float(), exact, rtol=0, atol=0.03 * float(exact.detach().abs().max()))


def test_vectors_of_conditions_do_not_decay():
    assert all(p.ndim == 1 for name, p in _level().named_parameters() if not name.startswith("router"))


def test_without_conditions_there_is_no_blend():
    level = SequenceMoE(gen_experts=["copy", "zero"]).sequence_layer(D, []).double()
    sequence = sequence_of()
    out, _ = apply(level, _stream(sequence), sequence, {})
    out.sum().backward()
    assert [name for name, p in level.named_parameters() if p.grad is not None] == ["scale", "router.weight"]
    assert len(list(level.parameters())) == 2


def test_conditions_must_fit_the_span():
    sequence = sequence_of()
    values = {"clip": Condition(torch.zeros(4, N - 1, D), torch.ones(4, dtype=torch.bool))}
    with pytest.raises(ConfigError, match="clip"):
        apply(_level(), _stream(sequence), sequence, values)
    assert VOCABULARY.size > 0
