"""Visually grounded words: closed forms, what a network does with them, and cached decoding."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch.nn import functional
from unified_nets import FACE, rows, small

from unif2ace.nets.transformer.cache import Cache
from unif2ace.nets.transformer.decoding_text import answer_log_likelihood, generate_text
from unif2ace.nets.transformer.grounding import NoGrounding, WordGrounding
from unif2ace.nets.transformer.word_fitting import FLOOR, WordStatistics
from unif2ace.sequence.sequence_layout import align_right
from unif2ace.types import Condition

WORDS, FEATURES = 12, 6


def _captions(number=600, seed=0):
    """Word 2 is said where feature 0 is large, word 3 where it is small, 4 by chance, 5 always, 6 never; twice each."""
    g = torch.Generator().manual_seed(seed)
    features = torch.randn(number, FEATURES, generator=g)
    chance = torch.rand(number, generator=g) < 0.5
    first = torch.where(features[:, 0] > 0, 2, 3)
    always, never = torch.full_like(first, 5), torch.full_like(first, 6)
    ids = torch.stack([first, torch.where(chance, 4, 7), always, first, never], 1)
    return ids, torch.full((number,), 4), features  # the last id is padding


def _grounding() -> WordGrounding:
    return WordGrounding("face", FEATURES, WORDS, 8, FEATURES, tied=False)


def _seen(features, present):
    """Of pictures with one vector each, by an encoder of that name."""
    return {"face": Condition(features[:, None], present)}


def _statistics(*parts, size=50):
    found = WordStatistics(WORDS, FEATURES)
    for start in range(0, len(parts[0]), size):
        found.add(*(part[start : start + size] for part in parts))
    return found


def test_directions_have_even_variance_and_vectors_are_shrunk_differences_of_means():
    ids, length, features = _captions()
    vectors = _statistics(ids, length, features).vectors(4)
    normal = functional.layer_norm(features.double(), (FEATURES,))
    z = (normal - vectors.mean) @ vectors.axes.double()
    variance = torch.linalg.eigvalsh(torch.cov(normal.T, correction=0)).flip(0)[:4]
    torch.testing.assert_close(
        torch.cov(z.T, correction=0), torch.diag(variance / (variance + FLOOR)), atol=1e-5, rtol=0
    )
    for word in (2, 4):
        holds = (ids[:, :4] == word).any(1)
        difference = z[holds].mean(0) - z[~holds].mean(0)
        t2 = (difference.square() / (1 / holds.sum() + 1 / (~holds).sum())).mean()
        torch.testing.assert_close(
            vectors.words[word].double(), difference * (1 - 1 / t2).clamp(min=0), atol=1e-5, rtol=0
        )


def test_words_of_chance_and_words_that_are_always_or_never_said_have_no_vector():
    words = _statistics(*_captions()).vectors(4).words
    size = words.norm(dim=1)
    assert size[2] > 1
    torch.testing.assert_close(words[2], -words[3])
    assert size[4] < 0.1 * size[2]
    assert not words[[0, 1, 5, 6]].any()


def test_the_order_and_the_sizes_of_batches_change_nothing():
    parts = _captions()
    order = torch.randperm(len(parts[0]), generator=torch.Generator().manual_seed(3))
    one = _statistics(*parts).vectors(4)
    other = _statistics(*(part[order] for part in parts), size=77).vectors(4)
    torch.testing.assert_close(one.words @ one.words.T, other.words @ other.words.T, atol=1e-4, rtol=0)


def test_more_directions_than_features_are_empty():
    vectors = _statistics(*_captions()).vectors(9)
    assert vectors.words.shape == (WORDS, 9)
    assert vectors.axes.shape == (FEATURES, 9)
    assert not vectors.words[:, FEATURES:].any()


def test_a_word_receives_how_well_it_fits_and_nothing_else_does():
    ids, length, features = _captions()
    made = _grounding()
    made.start_(_statistics(ids, length, features).vectors(FEATURES), torch.zeros(WORDS, 8))
    with torch.no_grad():
        made.scale.weight.zero_()
        x = torch.zeros(600, 3, 8)
        picture = made.picture(_seen(features, torch.arange(600) % 10 > 0), 600, None)
        words = made.modulate_embeddings(x, torch.tensor([2, 3, WORDS + 1]).expand(600, 3), picture)
    fit = words[:, :2] @ made.match / made.match.square().sum()
    large, present = features[:, 0] > 0, torch.arange(600) % 10 > 0
    right = (fit[present, 0] > 0) == large[present]
    assert right.float().mean() > 0.8
    torch.testing.assert_close(fit[:, 0], -fit[:, 1])
    assert not words[~present].any()
    assert not words[:, 2].any()  # no text


def test_how_well_a_word_fits_any_picture_counts_as_how_well_it_fits_this_one():
    ids, length, features = _captions()
    found = replace(_statistics(ids, length, features).vectors(FEATURES), bias=torch.arange(WORDS) / 3)
    made, table = _grounding(), torch.randn(WORDS + 5, 8)
    before = table.clone()
    made.start_(found, table)
    assert torch.equal(table[WORDS:], before[WORDS:])  # codes
    with torch.no_grad():
        made.scale.weight.zero_()
        picture = made.picture(_seen(features[:1], torch.tensor([True])), 1, None)
        words = made.modulate_embeddings(table[None, :WORDS], torch.arange(WORDS)[None], picture)[0]
    fit = found.words @ picture[0] + found.bias
    torch.testing.assert_close(words - before[:WORDS], fit[:, None] * made.match.detach())


def test_cached_text_equals_uncached_and_knows_the_picture():
    net = small("sequential").eval()
    _, below, conditions = rows(net, 4)
    prefix = align_right(below, net.vocabulary)
    answers = torch.randint(0, 38, (4, 3, 4), generator=torch.Generator().manual_seed(1))
    length = torch.tensor([[4, 2, 1]] * 4)
    scores = [answer_log_likelihood(net, prefix, answers, length, conditions, cache=cache) for cache in (True, False)]
    torch.testing.assert_close(*scores, atol=1e-6, rtol=0)
    blind = answer_log_likelihood(net, prefix, answers, length)
    assert not torch.allclose(scores[0], blind)
    texts = [generate_text(net, prefix, conditions, max_new=9, cache=cache).ids for cache in (True, False)]
    assert torch.equal(*texts)


def test_words_are_the_same_whether_their_tables_are_made_or_not():
    net = small("sequential").eval()
    _, below, conditions = rows(net, 4)
    found = {}
    for learning in (True, False):
        with torch.set_grad_enabled(learning):
            hidden = net(below, conditions).values.flatten(0, 1)
            found[learning] = net.logits_of([(hidden, "text"), (hidden, "full"), (hidden, "codebook")])
    for with_table, without in zip(found[True], found[False], strict=True):
        torch.testing.assert_close(with_table, without, atol=1e-5, rtol=0)
    assert net.grounding.tables["head"].weight.abs().max() > 0
    assert net.grounding.words.abs().max() > 0


def test_all_of_it_learns_and_a_step_without_pictures_leaves_no_gradient_out():
    net = small("sequential")
    above, below, conditions = rows(net)
    for sequence, given in ((below, conditions), (above, {})):
        net.zero_grad()
        hidden = net(sequence, given).values
        net.logits(hidden.flatten(0, 1), "text").logsumexp(-1).sum().backward()
        ours = {n: p.grad for n, p in net.named_parameters() if n.split(".")[0] in net.optional_parts}
        assert len(ours) == 7
        assert all(grad is not None for grad in ours.values())
        if given:
            assert all(grad.any() for grad in ours.values())


def test_after_zero_init_it_is_the_network_without_and_still_learns():
    net, bare = small("sequential"), small("sequential", grounded_words=False)
    bare.load_state_dict({n: v for n, v in net.state_dict().items() if n.split(".")[0] not in net.optional_parts})
    net.zero_init_()
    _, below, conditions = rows(net)
    hidden = [n(below, conditions).values for n in (net, bare)]
    torch.testing.assert_close(*hidden, atol=0, rtol=0)
    logits = [n.logits(h.flatten(0, 1), "text") for n, h in zip((net, bare), hidden, strict=True)]
    torch.testing.assert_close(*logits, atol=0, rtol=0)
    logits[0].square().sum().backward()
    assert all(
        p.grad.any() for p in (net.grounding.match, net.grounding.scale.weight, *net.grounding.tables.parameters())
    )


def test_without_features_there_is_nothing_to_see():
    for bare in (small("sequential", grounded_words=True, visual_dims={}), small("sequential", grounded_words=False)):
        assert type(bare.grounding) is NoGrounding
        assert not [*bare.grounding.parameters(), *bare.grounding.buffers()]
    features, present = torch.arange(2.0 * FACE).view(2, FACE).double(), torch.tensor([True, False])
    grounding = small("sequential").grounding
    picture = grounding.picture(_seen(features, present), 2, None)
    assert picture.shape == (2, 3)
    assert picture[0].any()
    assert not picture[1].any()
    for conditions in ({}, {"iris": Condition(features[:, None], present)}):
        nothing = grounding.picture(conditions, 2, None)  # a tensor: its gradients are waited for
        assert nothing.shape == (2, 3)
        assert not nothing.any()
        with torch.no_grad():
            assert grounding.picture(conditions, 2, None) is None


def test_a_cache_keeps_the_picture():
    grounding, cache = small("sequential").grounding, Cache()
    picture = grounding.picture(_seen(torch.randn(2, FACE).double(), torch.tensor([True, True])), 2, cache)
    assert cache.picture is picture
    assert grounding.picture({}, 2, cache) is picture


def test_no_grounding_returns_its_inputs():
    slot, cache = NoGrounding(), Cache()
    assert slot.picture(_seen(torch.randn(2, FACE), torch.tensor([True, True])), 2, cache) is None
    assert cache.picture is None
    ids, x, table = torch.tensor([[0, 3, 1]] * 2), torch.randn(2, 3, 8), torch.randn(5, 8)
    assert slot.table("head", table) is table
    assert slot.embed(ids, x) is x
    assert slot.score(x[0], table) is table
    for picture in (None, torch.randn(2, 3)):
        assert slot.modulate_embeddings(x, ids, picture) is x
        assert slot.modulate_hidden(x, picture) is x
    slot.zero_init_()
