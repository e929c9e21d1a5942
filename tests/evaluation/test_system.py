"""The likelihood bound of the package's model: keyed by index, the mean of its draws, lower for the right caption."""

from __future__ import annotations

import pytest
import torch

from unif2ace.evaluation.system import Sampled
from unif2ace.inference.loading import load_model
from unif2ace.language import write_caption
from unif2ace.synthetic import render, sample_face


def test_the_bound_is_the_mean_of_draws_and_knows_the_caption():
    faces = [sample_face(number) for number in range(4)]
    images = torch.from_numpy(render(faces, 64)).permute(0, 3, 1, 2)
    captions = [write_caption(face.record, number) for number, face in enumerate(faces)]
    system = Sampled(load_model("builtin", device="cpu"))
    both = system.likelihood_bound(images, captions, [0, 1, 2, 3], 2)
    singly = [system.likelihood_bound(images, captions, [2 * n + draw for n in range(4)], 1) for draw in range(2)]
    assert both.tolist() == pytest.approx(torch.stack(singly).mean(0).tolist(), rel=1e-4)
    assert torch.equal(both, system.likelihood_bound(images, captions, [0, 1, 2, 3], 2))
    assert 0 < both.mean() < 10
    other = system.likelihood_bound(images, captions[1:] + captions[:1], [0, 1, 2, 3], 2)
    assert both.mean() < other.mean()
