"""A child counts only where its parent holds."""

from __future__ import annotations

import pytest
import torch

from unif2ace.metrics.scores.attribute_graph import attribute_graph, graph_parents

NAMES = ("hat", "red_hat", "tall_red_hat", "smile")
PARENTS = graph_parents(NAMES, {"red_hat": "hat", "tall_red_hat": "red_hat", "smile": "mouth"})


def _int8(*rows: tuple[int, ...]) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.int8)


def test_parents_are_found_by_name():
    assert PARENTS == [None, 0, 1, None]


@pytest.mark.parametrize(
    ("asked", "seen", "score", "flat"),
    [
        ((1, 1, 1, 1), (1, 1, 1, 1), 1, 1),
        ((1, 1, 1, 1), (0, 1, 1, 1), 0.25, 0.75),  # no hat: nothing about the hat counts
        ((1, 1, 1, 1), (1, 0, 1, 1), 0.5, 0.75),
        ((-1, 1, 1, 1), (0, 1, 1, 1), 1, 1),  # a parent that is not asked holds
        ((1, -1, 1, -1), (0, 1, 1, 0), 0, 0.5),  # a grandparent fails
        ((0, -1, -1, 0), (0, 0, 0, 1), 0.5, 0.5),  # what must not be seen
        ((1, -1, -1, -1), (-1, 1, 1, 1), 0, 0),  # unknown is wrong
    ],
)
def test_scores_by_hand(asked, seen, score, flat):
    found = attribute_graph(_int8(asked, asked), _int8(seen, seen), PARENTS, resamples=0)
    assert (found.score.value, found.flat.value) == pytest.approx((score, flat))
    assert found.questions == 2 * sum(value >= 0 for value in asked)


def test_samples_without_questions_are_left_out():
    found = attribute_graph(_int8((1, -1, -1, -1), (-1,) * 4), _int8((1, 0, 0, 0), (0,) * 4), PARENTS, resamples=10)
    assert (found.samples, found.score.value) == (1, 1)


def test_a_cycle_is_an_error():
    with pytest.raises(ValueError, match="cycle"):
        attribute_graph(_int8((1, 1)), _int8((1, 1)), [1, 0])
