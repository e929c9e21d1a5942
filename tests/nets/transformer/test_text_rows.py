"""Another text tokenizer: the network computes the same for the same pieces, and new tokens start as means."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from unified_nets import TEXT, rows, small

from unif2ace.nets.transformer.text_rows import with_text_rows


def _retokenised(net, pieces, **options):
    made = small("sequential", **options)
    made.load_state_dict(with_text_rows(net.state_dict(), TEXT, pieces, tied=bool(options)))
    return made


@pytest.mark.parametrize("options", [{}, {"tie_embeddings": True}], ids=["own head", "tied"])
def test_ids_in_another_order_compute_the_same(options):
    net = small("sequential", **options)
    order = torch.randperm(TEXT, generator=torch.Generator().manual_seed(1))
    made = _retokenised(net, [[int(old)] for old in order], **options)
    place = torch.empty_like(order)
    place[order] = torch.arange(TEXT)
    _, sequence, features = rows(net)
    moved = torch.where(sequence.ids < TEXT, place[sequence.ids.clamp(max=TEXT - 1)], sequence.ids)
    with torch.no_grad():
        expected, found = net(sequence, features).values, made(replace(sequence, ids=moved), features).values
    torch.testing.assert_close(found[sequence.real], expected[sequence.real])


def test_a_phrase_is_read_as_the_mean_of_its_words_and_predicted_as_its_first():
    net = small("sequential")
    pieces = [[i] for i in range(TEXT)] + [[3, 5, 7]]
    state, before = with_text_rows(net.state_dict(), TEXT, pieces), net.state_dict()
    assert state["embedding.weight"].shape[0] == before["embedding.weight"].shape[0] + 1
    for name in ("embedding.weight", "grounding.words"):
        torch.testing.assert_close(state[name][TEXT], before[name][[3, 5, 7]].mean(0))
    for name in ("head.weight", "head.bias"):
        assert state[name][TEXT].equal(before[name][3])
        assert state[name][TEXT + 1 :].equal(before[name][TEXT:])


def test_an_id_that_is_only_read_does_not_change_what_is_predicted():
    net = small("sequential")
    before = net.state_dict()["head.bias"].clone()
    state = with_text_rows(net.state_dict(), TEXT, [[i] for i in range(TEXT)] + [[3, 5]], read_only={TEXT})
    assert state["head.bias"][TEXT] < before.min() - 10
    assert torch.cat([state["head.bias"][:TEXT], state["head.bias"][TEXT + 1 :]]).equal(before)
    assert net.state_dict()["head.bias"].equal(before)
