"""Diversity is 0 where a prompt always gives the same face, and about 1 where it says nothing."""

from __future__ import annotations

import math

import pytest
import torch

from unif2ace.metrics.scores import diversity


def test_the_same_face_for_a_prompt_has_no_diversity():
    faces = torch.rand(6, 1, 300, generator=torch.Generator().manual_seed(0)).expand(6, 4, 300)
    found = diversity(faces)
    assert found.within == found.ratio == 0
    assert found.between > 0


def test_faces_that_do_not_depend_on_the_prompt_have_as_much_within_as_between():
    faces = torch.rand(8, 4, 500, generator=torch.Generator().manual_seed(0))
    assert diversity(faces).ratio == pytest.approx(1, abs=0.02)


def test_distances_are_root_mean_square_differences():
    faces = torch.tensor([[[0.0, 0.0], [1.0, 1.0]], [[3.0, 3.0], [3.0, 5.0]]])
    found = diversity(faces)
    root = math.sqrt(2)
    assert found.within == pytest.approx((1 + 2 / root) / 2)
    between = [3, math.sqrt(9 + 25) / root, 2, math.sqrt(4 + 16) / root]
    assert found.between == pytest.approx(sum(between) / 4)


def test_a_model_that_always_makes_one_face_has_none():
    assert math.isnan(diversity(torch.full((3, 2, 10), 0.3)).ratio)
