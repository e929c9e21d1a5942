"""Next-token prediction of answers."""

from __future__ import annotations

import pytest
import torch
from unified_steps import VOCABULARY, corrupted_of, logits_of, sequence_of, step_of

from unif2ace.diffusion.forward_processes.absorbing import AbsorbingProcess
from unif2ace.diffusion.noise_schedules.linear import LinearSchedule
from unif2ace.errors import ConfigError
from unif2ace.losses.ar import ARLoss
from unif2ace.types import Role


@pytest.mark.parametrize(("vocabulary", "end"), [("text", VOCABULARY.text_size), ("full", VOCABULARY.size)])
def test_each_answer_token_is_predicted_by_the_one_before(vocabulary: str, end: int):
    corrupted = corrupted_of(AbsorbingProcess(LinearSchedule()), 3)
    sequence = sequence_of(corrupted, answers=4)
    logits = logits_of(sequence)
    loss = ARLoss(vocabulary=vocabulary)
    term = loss.compute(step_of([loss], corrupted, sequence, logits))
    log_p = logits[..., :end].log_softmax(-1)
    places = [(row, c) for row, c in (sequence.role == Role.ANSWER).nonzero().tolist()]
    expected = -sum(log_p[row, c - 1, sequence.ids[row, c]] for row, c in places)
    torch.testing.assert_close(term.total, expected)
    assert term.count == len(places)
    assert all(sequence.ids[row, c] in (VOCABULARY.eos_id, *range(3, 20)) for row, c in places)
    ends = sequence.ids[3:].gather(1, (sequence.role[3:] == Role.ANSWER).int().cumsum(1).argmax(1)[:, None])
    assert (ends == VOCABULARY.eos_id).all(), "the end of the answer is learnt too"


def test_the_first_token_of_an_answer_may_weigh_more():
    corrupted = corrupted_of(AbsorbingProcess(LinearSchedule()), 3)
    sequence = sequence_of(corrupted, answers=4)
    logits = logits_of(sequence)
    loss = ARLoss(first_token_weight=4)
    term = loss.compute(step_of([loss], corrupted, sequence, logits))
    log_p = logits[..., : VOCABULARY.text_size].log_softmax(-1)
    expected, count = 0, 0
    for row in range(3, 7):
        positions = (sequence.role[row] == Role.ANSWER).nonzero()[:, 0].tolist()
        weights = [4] + [1] * (len(positions) - 1)
        count += sum(weights)
        expected -= sum(w * log_p[row, c - 1, sequence.ids[row, c]] for w, c in zip(weights, positions, strict=True))
    torch.testing.assert_close(term.total, expected)
    assert term.count == count
    assert not loss.is_bound


def test_only_valid_rows_teach_and_rows_that_generate_never():
    corrupted = corrupted_of(AbsorbingProcess(LinearSchedule()), 2)
    sequence = sequence_of(corrupted, answers=2)
    logits = logits_of(sequence)
    loss = ARLoss()
    term = loss.compute(step_of([loss], corrupted, sequence, logits, [True, True, True, False]))
    (gradient,) = torch.autograd.grad(term.mean, logits)
    assert [bool(g.any()) for g in gradient] == [False, False, True, False]
    assert not gradient[..., VOCABULARY.text_size :].any()


def test_without_answers_it_is_a_zero_tied_to_the_graph():
    corrupted = corrupted_of(AbsorbingProcess(LinearSchedule()), 2)
    sequence = sequence_of(corrupted)
    logits = logits_of(sequence)
    term = ARLoss().compute(step_of([ARLoss()], corrupted, sequence, logits))
    term.mean.backward()
    assert term.mean == 0
    assert not logits.grad.any()


def test_it_is_computed_in_float32():
    sequence = sequence_of(None, answers=2)
    logits = logits_of(sequence)
    half = logits.detach().bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        term = ARLoss().compute(step_of([ARLoss()], None, sequence, half))
    exact = ARLoss().compute(step_of([ARLoss()], None, sequence, half.double()))
    assert term.mean.dtype == torch.float32
    torch.testing.assert_close(term.mean.double(), exact.mean, rtol=1e-6, atol=0)


def test_its_settings():
    assert ARLoss().is_bound
    assert not ARLoss().forward_processes
    with pytest.raises(ConfigError, match="vocabulary"):
        ARLoss(vocabulary="codebook")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="first_token_weight"):
        ARLoss(first_token_weight=0)
