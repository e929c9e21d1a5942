"""Agreement: what each value means, by enumeration, and that base rates earn nothing."""

from __future__ import annotations

import torch
from torch import Tensor

from unif2ace.metrics.scores import attribute_agreement

S, A = 120, 6


def _world(seed: int = 0) -> tuple[Tensor, Tensor]:
    """True labels with different base rates bool (S, A), and what captions say of them."""
    draw = torch.Generator().manual_seed(seed)
    true = torch.rand(S, A, generator=draw) < torch.tensor([0.5, 0.2, 0.8, 0.3, 0.1, 0.9])
    stated = torch.where(torch.rand(S, A, generator=draw) < 0.7, true.to(torch.int8), -1)
    return true, stated


def _evaluated(seen: Tensor, true: Tensor, wrong: float = 0.1) -> Tensor:
    """What an evaluator says that errs now and then."""
    return seen ^ (torch.rand(true.shape, generator=torch.Generator().manual_seed(5)) < wrong)


def _balanced(stated: Tensor, seen: Tensor) -> float:
    """Balanced accuracy of one label, counted one by one."""
    yes = [bool(v) for s, v in zip(stated.tolist(), seen.tolist(), strict=True) if s == 1]
    no = [not v for s, v in zip(stated.tolist(), seen.tolist(), strict=True) if s == 0]
    return (sum(yes) / len(yes) + sum(no) / len(no)) / 2


def test_true_faces_score_one_with_a_classifier_that_errs():
    true, stated = _world()
    seen = _evaluated(true, true)
    found = attribute_agreement(stated, seen, seen, seen)
    assert found.normalised.value == 1
    assert (found.normalised.low, found.normalised.high) == (1, 1)
    assert found.raw.value == found.ceiling == found.reconstructed < 0.95


def test_faces_of_other_captions_score_about_zero():
    true, stated = _world()
    seen = _evaluated(true, true)
    values = [
        attribute_agreement(stated, seen.roll(shift, 0), seen, seen, resamples=0).normalised.value
        for shift in range(1, S)
    ]
    assert abs(sum(values) / len(values)) < 1.5 / S  # a shuffle leaves out one other pair than the floor does
    assert max(map(abs, values)) < 0.4


def test_always_the_same_face_scores_zero_whatever_it_shows():
    true, stated = _world()
    seen = _evaluated(true, true)
    for face in (torch.zeros(A), torch.ones(A), true.float().mean(0).round(), torch.tensor([1, 0, 1, 0, 1, 0])):
        found = attribute_agreement(stated, face.bool().expand(S, A), seen, seen)
        assert abs(found.normalised.value) < 1e-12
        assert found.raw.value == 0.5


def test_drawing_each_attribute_at_its_base_rate_earns_nothing():
    true, stated = _world()
    draw = torch.Generator().manual_seed(9)
    values = [
        attribute_agreement(stated, true[torch.randperm(S, generator=draw)], true, true, resamples=0).normalised.value
        for _ in range(60)
    ]
    assert abs(sum(values) / len(values)) < 0.03


def test_values_are_those_of_counting():
    true, stated = _world()
    generated, real, back = (_evaluated(true, true, wrong) for wrong in (0.3, 0.1, 0.2))
    found = attribute_agreement(stated, generated, real, back, resamples=50)
    others = [[j for j in range(S) if j != i] for i in range(S)]
    for label in range(A):
        raw, floor, ceiling, reconstructed = found.by_label[:, label].tolist()
        for value, seen in ((raw, generated), (ceiling, real), (reconstructed, back)):
            assert abs(value - _balanced(stated[:, label], seen[:, label])) < 1e-12
        pairs = [(int(stated[i, label]), bool(generated[j, label])) for i in range(S) for j in others[i]]
        yes, no = [v for s, v in pairs if s == 1], [not v for s, v in pairs if s == 0]
        assert abs(floor - (sum(yes) / len(yes) + sum(no) / len(no)) / 2) < 1e-12
    raw, floor, ceiling, _ = found.by_label.mean(1).tolist()
    assert abs(found.normalised.value - (raw - floor) / (ceiling - floor)) < 1e-12
    assert found.normalised.low < found.normalised.value < found.normalised.high


def test_a_label_that_is_too_rarely_stated_or_denied_does_not_count():
    true, stated = _world()
    stated[:, 0] = -1
    stated[:, 1] = torch.where(stated[:, 1] == 0, -1, stated[:, 1])
    found = attribute_agreement(stated, true, true, true)
    assert found.measured.tolist() == [False, False, True, True, True, True]
    assert found.stated[:, 0].tolist() == [0, 0]
    assert found.normalised.value == 1
    nothing = attribute_agreement(torch.full_like(stated, -1), true, true, true)
    assert not nothing.measured.any()
    assert nothing.normalised.value != nothing.normalised.value  # nan: nothing to measure


def test_a_classifier_that_sees_nothing_gives_no_score():
    true, stated = _world()
    blind = torch.zeros_like(true)
    assert torch.tensor(attribute_agreement(stated, true, blind, blind).normalised.value).isnan()
