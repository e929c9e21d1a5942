"""Image codes that share parts of their embeddings: a code learns from those that look like it."""

from __future__ import annotations

import pytest
import torch
from unified_nets import CODES, rows, small

from unif2ace.nets.quantizers.fsq import FSQ
from unif2ace.nets.transformer.code_embedding import CodeEmbedding, code_features
from unif2ace.types import SequenceParts


def test_few_values_become_indicators_and_many_become_numbers():
    quantizer = FSQ([5, 3])
    codes = quantizer.decode_ids(torch.arange(15).view(-1, 1, 1)).flatten(1)
    found = code_features(codes)
    assert found.shape == (15, 8)
    assert found.unique().tolist() == [0, 1]
    assert torch.equal(found[:, :5].sum(1), torch.ones(15))
    assert torch.equal(found[:, 5:].sum(1), torch.ones(15))
    assert len(found.unique(dim=0)) == 15
    vectors = torch.randn(40, 2) * torch.tensor([3.0, 0.1]) + 7
    torch.testing.assert_close(code_features(vectors), (vectors - vectors.mean(0)) / vectors.std(0))


def test_only_the_rows_of_codes_change():
    shared = CodeEmbedding(4, 8)
    table, features = torch.randn(20, 8), torch.randn(5, 4)
    found = shared(table, features, 10)
    assert torch.equal(found[:10], table[:10])
    assert torch.equal(found[15:], table[15:])
    torch.testing.assert_close(found[10:15], table[10:15] + features @ shared.weight)


@pytest.mark.parametrize("tied", [False, True])
def test_without_gradients_no_table_is_built_and_values_are_the_same(tied: bool, monkeypatch):
    net = small("sequential", tie_embeddings=tied)
    above, below, _ = rows(net)
    hidden = torch.randn(4, 32, dtype=torch.float64)
    parts = [(hidden, part) for part in ("codebook", "text", "full")]
    with_tables = [net.tables.embed(SequenceParts.of(s), net.code_features) for s in (above, below)]
    with_tables += net.logits_of(parts)
    monkeypatch.delattr(CodeEmbedding, "forward")
    with torch.no_grad():
        found = [net.tables.embed(SequenceParts.of(s), net.code_features) for s in (above, below)]
        found += net.logits_of(parts)
    for value, wanted in zip(found, with_tables, strict=True):
        torch.testing.assert_close(value, wanted.detach())


def test_what_one_code_learns_helps_those_that_look_like_it():
    net = small("sequential")
    with torch.no_grad():
        net.code_features.copy_(torch.eye(3, dtype=torch.float64).repeat(5, 1)[:CODES])  # code 0 is like 3, 6, ...
        hidden = torch.randn(1, 32, dtype=torch.float64)
        before = net.logits(hidden, "codebook")
    log_p = net.logits(hidden, "codebook").log_softmax(-1)
    log_p[0, 0].backward()
    with torch.no_grad():
        for parameter in (net.code_embedding["head"].weight, net.code_embedding["bias"].weight):
            parameter.add_(parameter.grad, alpha=0.01)
        change = (net.logits(hidden, "codebook") - before)[0]
    like = torch.arange(CODES) % 3 == 0
    assert change[like].min() > change[~like].max()
    text = net.logits(hidden, "text")[0]
    assert net.logits(hidden, "full")[0, : len(text)].equal(text)


def test_each_image_token_has_a_position_embedding_of_its_own():
    net = small("sequential", grounded_words=False)
    above, _, _ = rows(net)
    place, other = above.image_token_positions[2, :2].tolist()
    moved = net(above).values
    with torch.no_grad():
        net.image_pos_embed.weight[0].normal_()
    found = net.tables.embed(SequenceParts.of(above), net.code_features).view(*above.ids.shape, -1)
    changed = (found - torch.nn.functional.embedding(above.ids, net.embedding.weight))[2]
    assert changed[other].abs().sum() > 0
    assert not torch.allclose(net(above).values[2, place], moved[2, place])
    text = torch.ones(len(changed), dtype=torch.bool)
    text[above.image_token_positions[2]] = False
    assert not changed[text].any()
