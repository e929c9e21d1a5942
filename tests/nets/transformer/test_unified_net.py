"""What must hold for every choice of block and experts."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from mixed_sequences import stack
from unified_nets import BLOCKS, CODES, FACE, MOES, rows, small

from unif2ace.errors import ConfigError
from unif2ace.nets.transformer.cache import Cache, joined
from unif2ace.nets.transformer.unified import UnifiedNet
from unif2ace.sequence.positions import answer, image
from unif2ace.sequence.sequence_layout import SequenceLayout, align_right, cut
from unif2ace.types import Condition, Role

KINDS = [*((block, moe) for block in BLOCKS for moe in MOES), ("qwen2", "dense"), ("qwen2", "grouped")]
every = pytest.mark.parametrize(("block", "moe"), KINDS)


def _close(a, b):
    torch.testing.assert_close(a, b, atol=1e-11, rtol=1e-9)


def _both(net, features=True):
    above, below, found = rows(net)
    nothing = Condition(torch.zeros_like(found["face"].values), torch.zeros(3, dtype=torch.bool))
    values = torch.cat([nothing.values, found["face"].values])
    present = torch.cat([nothing.present, found["face"].present])
    both = {"face": Condition(values, present)} if features else None
    return stack(above, below, net.vocabulary), both


@every
def test_padding_changes_nothing(block, moe):
    net = small(block, moe)
    above, below, conditions = rows(net)
    wide_above, wide_below, _ = rows(net, fixed=True)
    assert wide_above.ids.shape[1] > above.ids.shape[1]
    assert wide_below.ids.shape[1] > below.ids.shape[1]
    for short, wide, given in ((above, wide_above, None), (below, wide_below, conditions)):
        _close(net(short, given).values[short.real], net(wide, given).values[wide.real])
    left = align_right(below, net.vocabulary)
    _close(net(below, conditions).values[below.real], net(left, conditions).values[left.real])


@every
def test_samples_do_not_affect_each_other(block, moe):
    net = small(block, moe)
    sequence, conditions = _both(net)
    whole = net(sequence, conditions).values
    for row in range(6):
        own = slice(row, row + 1)
        names = ("ids", "role", "task", "position", "attention", "image_start", "target", "visible")
        alone = replace(sequence, **{name: getattr(sequence, name)[own] for name in names})
        given = {"face": Condition(conditions["face"].values[own], conditions["face"].present[own])}
        _close(net(alone, given).values, whole[own])


@every
@torch.no_grad()
def test_text_is_cached_while_the_image_changes(block, moe):
    net = small(block, moe)
    above, _, _ = rows(net)
    start = int(above.image_start[0]) - 1
    cache = Cache()
    before = net(cut(above, 0, start), cache=cache).values
    kept = cache.snapshot()
    for step in range(3):
        codes = torch.randint(0, CODES + 1, (3, 9))
        changed = above.ids.clone()
        changed.scatter_(1, above.image_token_positions, codes + net.vocabulary.image_offset)
        whole = replace(above, ids=changed, visible=torch.tensor([0.1, 0.5, 0.9]) * step / 2)
        after = net(cut(whole, start), cache=cache).values
        _close(torch.cat([before, after], 1), net(whole).values)
        cache.truncate(kept)


@every
@torch.no_grad()
def test_answers_are_read_one_token_at_a_time(block, moe):
    net = small(block, moe)
    _, below, conditions = rows(net)
    below = align_right(below, net.vocabulary)
    whole = net(below, conditions).values
    end = int(below.image_start.max()) + 9 + 1
    cache = Cache()
    found = [net(cut(below, 0, end), conditions, cache).values]
    for column in range(end, below.ids.shape[1]):
        given = conditions if column % 2 else None  # nothing is read of them where no image is
        found.append(net(cut(below, column, column + 1), given, cache).values)
    assert cache.length == below.ids.shape[1]
    _close(torch.cat(found, 1)[below.real], whole[below.real])


@torch.no_grad()
def test_a_cache_can_be_split_repeated_and_joined():
    net = small()
    above, _, _ = rows(net)
    start = int(above.image_start[0]) - 1
    cache = Cache(capacity=64)
    net(cut(above, 0, start), cache=cache)
    assert cache.rows == 3
    whole = net(above).values[:, start:]
    span = cut(above, start)
    names = ("ids", "role", "task", "position", "attention", "image_start", "target", "visible")

    def of(order):
        return replace(span, **{name: getattr(span, name)[order] for name in names})

    order = torch.tensor([2, 0])
    _close(net(of(order), cache=cache.select(order)).values, whole[order])
    mask = torch.tensor([True, False, True])
    _close(net(of(mask), cache=cache.select(mask)).values, whole[mask])
    twice = torch.tensor([0, 0, 1, 1, 2, 2])
    _close(net(of(twice), cache=cache.repeat(2)).values, whole[twice])
    again = torch.tensor([1, 0, 1, 2])
    _close(net(of(again), cache=joined([cache.select(torch.tensor([1])), cache])).values, whole[again])
    assert cache.length == start
    with pytest.raises(ValueError, match="truncated"):
        cache.truncate(start + 1)
    with pytest.raises(ValueError, match="positions"):
        joined([cache, Cache()])


def test_without_a_mask_columns_look_back():
    net = small()
    above, _, _ = rows(net)
    length = above.ids.shape[1]
    back = torch.ones(3, 1, length, length, dtype=torch.bool).tril()
    _close(net(replace(above, attention=None)).values, net(replace(above, attention=back)).values)
    cache = Cache()
    plain = replace(above, attention=None, image_start=None, num_image_tokens=0)
    parts = [cut(plain, 0, 4), cut(plain, 4, 9), cut(plain, 9, 10)]
    with torch.no_grad():
        found = torch.cat([net(part, cache=cache).values for part in parts], 1)
    _close(found, net(plain).values[:, :10])


def _loss(net, sequence, conditions):
    hidden = net(sequence, conditions)
    codes, text = net.logits_of(
        [
            (hidden.values[image(sequence)], "codebook"),
            (hidden.values[answer(sequence)], "text"),
        ]
    )
    balance = sum((stats.probability.square().sum() for stats in hidden.routers), torch.zeros(()))
    return codes.logsumexp(-1).sum() + text.logsumexp(-1).sum() + balance


@every
@pytest.mark.parametrize("absent", ["neither", "understanding", "generation", "features"])
def test_every_parameter_gets_a_finite_gradient(block, moe, absent):
    net = small(block, moe)
    above, below, conditions = rows(net)
    sequence, both = _both(net, features=absent != "features")
    if absent == "understanding":
        sequence, both = above, None
    if absent == "generation":
        sequence, both = below, conditions
    _loss(net, sequence, both).backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


@every
def test_gradient_checkpointing_changes_nothing(block, moe):
    net = small(block, moe)
    sequence, conditions = _both(net)
    wanted = torch.autograd.grad(_loss(net, sequence, conditions), tuple(net.parameters()))
    net.gradient_checkpointing = True
    found = torch.autograd.grad(_loss(net, sequence, conditions), tuple(net.parameters()))
    assert all(torch.equal(a, b) for a, b in zip(found, wanted, strict=True))


def test_16_bits_under_autocast_are_near_and_checkpoints_too():
    net = small().float()
    sequence, conditions = _both(net)
    conditions = {"face": Condition(conditions["face"].values.float(), conditions["face"].present)}
    wanted = net(sequence, conditions).values[sequence.real]
    for net.gradient_checkpointing in (False, True):
        with torch.autocast("cpu", torch.bfloat16):
            found = net(sequence, conditions).values[sequence.real]
            _loss(net, sequence, conditions).backward()
        gap = (found - wanted).norm() / wanted.norm()
        assert gap < 0.1
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())


def test_visual_features_and_the_noise_level_matter_where_they_should():
    net = small()
    above, below, conditions = rows(net)
    with_face, without = net(below, conditions).values, net(below).values
    present = conditions["face"].present
    assert (with_face[present] - without[present]).abs().max() > 1e-6
    _close(with_face[~present], without[~present])
    _close(net(above).values, net(above, {}).values)
    clearer = net(replace(above, visible=1 - above.visible)).values
    assert (clearer - net(above).values).abs().amax((1, 2)).max() > 1e-6
    with pytest.raises(ConfigError, match="iris"):
        net(below, {"iris": conditions["face"]})


def test_visual_features_can_enter_before_the_first_block():
    """They then matter where no expert reads them, to text too, and rows without them are left alone."""
    net = small(moe="dense", early_fusion=True)
    _, below, conditions = rows(net)
    present = conditions["face"].present
    change = (net(below, conditions).values - net(below).values).abs()
    answers = below.role == Role.ANSWER
    assert change[present][answers[present]].min() > 0
    _close(change[~present], torch.zeros_like(change[~present]))
    assert not small(moe="dense").conditioning.resamplers


def test_slices_are_parts_of_the_whole():
    net = small()
    hidden = torch.randn(7, 32, dtype=torch.float64)
    full = net.logits(hidden, "full")
    v = net.vocabulary
    assert full.shape == (7, v.size)
    _close(net.logits(hidden, "codebook"), full[:, v.image_offset : v.mask_id])
    _close(net.logits(hidden, "text"), full[:, : v.text_size])
    assert net.float().logits(hidden.float(), "text").dtype == torch.float32
    assert net.bfloat16().logits(hidden.bfloat16(), "text").dtype == torch.float32


def test_a_tied_head_is_the_embedding():
    net = small(tie_embeddings=True)
    sequence, conditions = _both(net)
    assert net.head.weight is net.embedding.weight
    _loss(net, sequence, conditions).backward()
    read = torch.autograd.grad(net.logits(torch.ones(1, 32, dtype=torch.float64), "full").sum(), net.head.weight)[0]
    assert (read != 0).all()
    assert net.embedding.weight.grad.isfinite().all()


def test_a_network_can_be_copied_after_a_step():
    net = small()
    sequence, conditions = _both(net)
    _loss(net, sequence, conditions).backward()
    twin = copy.deepcopy(net)
    _close(twin(sequence, conditions).values, net(sequence, conditions).values)


def test_a_dense_network_has_no_idle_parameters():
    assert not [n for n, _ in small(moe="dense").named_parameters() if "noise" in n or "resampler" in n]
    assert [n for n, _ in small(moe="sequence").named_parameters() if n.startswith("conditioning.resamplers.face")]
    assert small().conditioning.resamplers["face"].in_norm.normalized_shape == (FACE,)


def test_a_fresh_network_predicts_next_to_nothing():
    torch.manual_seed(0)
    net = UnifiedNet(40, CODES, 38, 39, 9, BLOCKS["parallel"], MOES["grouped"](), dim=64, depth=2, heads=4)
    above, _, _ = rows(net)
    logits = net.logits(net(above).values[image(above)], "codebook")
    entropy = -(logits.softmax(-1) * logits.log_softmax(-1)).sum(-1)
    assert entropy.min() > 0.98 * torch.tensor(float(CODES)).log()
    weights = net.head.weight, net.embedding.weight, net.blocks[0].attention.qkv.weight
    assert all(abs(weight.std() - 0.02) < 0.001 for weight in weights)
    assert not net.head.bias.any()
    net = UnifiedNet(
        40, CODES, 38, 39, 9, BLOCKS["sequential"], MOES["dense"](), dim=64, depth=1, heads=4, text_init_std=0.1
    )
    assert all(abs(table.weight[:40].std() - 0.1) < 0.005 for table in (net.head, net.embedding))
    assert all(abs(table.weight[40:].std() - 0.02) < 0.002 for table in (net.head, net.embedding))
    assert abs(net.blocks[0].attention.qkv.weight.std() - 0.02) < 0.001


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"heads": 5}, "heads"),
        ({"num_kv_heads": 3}, "net.num_kv_heads=3.*net.heads=4"),
        ({"num_kv_heads": 0}, "net.num_kv_heads=0"),
        ({"head_dim": 0}, "net.head_dim=0"),
        ({"rotary_fraction": 0.4}, "rotary_fraction"),
        ({"rotary_fraction": 1.5}, "rotary"),
        ({"attention": "fast"}, "sdpa"),
    ],
)
def test_sizes_that_cannot_be(wrong, message):
    with pytest.raises(ConfigError, match=message):
        small(**wrong)


def test_layouts_of_the_network_have_its_vocabulary():
    net = small()
    made = SequenceLayout(net.vocabulary).text_to_image(
        torch.zeros(1, 2, dtype=torch.long), torch.tensor([2]), torch.full((1, 9), CODES), torch.zeros(1, 9).long()
    )
    assert int(made.ids.max()) == net.vocabulary.mask_id == net.embedding.num_embeddings - 1
