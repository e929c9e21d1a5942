"""A scale between two references, and none where they hardly differ."""

from __future__ import annotations

import torch

from unif2ace.metrics.scores.scale import MARGIN, rescaled


def test_values_lie_between_their_references():
    value, low, high = (torch.tensor(v, dtype=torch.float64) for v in ([0.2, 0.5, 0.9], [0.2] * 3, [0.8] * 3))
    torch.testing.assert_close(rescaled(value, low, high), torch.tensor([0.0, 0.5, 7 / 6], dtype=torch.float64))


def test_references_that_hardly_differ_give_no_scale():
    low = torch.tensor([0.3, 0.3, 0.3])
    found = rescaled(torch.tensor([0.5, 0.5, 0.5]), low, low + torch.tensor([0.0, MARGIN / 2, -0.1]))
    assert found.isnan().all()
