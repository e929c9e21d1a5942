"""The bounds of image tokens: one number by enumeration, each other's identities, and what every one of them keeps."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from unified_steps import (
    VOCABULARY,
    K,
    N,
    at_times,
    corrupted_of,
    image_log_p,
    logits_of,
    sequence_of,
    single,
    step_of,
    true_nats,
)

from unif2ace.diffusion.forward_processes.absorbing import AbsorbingProcess
from unif2ace.diffusion.forward_processes.base import ForwardProcess
from unif2ace.diffusion.forward_processes.hybrid import HybridProcess
from unif2ace.diffusion.forward_processes.uniform import UniformProcess
from unif2ace.diffusion.noise_schedules.base import NoiseSchedule
from unif2ace.diffusion.noise_schedules.cosine_maskgit import CosineMaskgitSchedule
from unif2ace.diffusion.noise_schedules.geometric import GeometricSchedule
from unif2ace.diffusion.noise_schedules.linear import LinearSchedule
from unif2ace.diffusion.noise_schedules.log_linear import LogLinearSchedule
from unif2ace.errors import ConfigError
from unif2ace.losses.base import LossCallback
from unif2ace.losses.d3diff import D3DiffLoss
from unif2ace.losses.gidd import GIDDLoss
from unif2ace.losses.mdlm import MDLMLoss
from unif2ace.losses.radd import RADDLoss
from unif2ace.losses.sedd import SEDDLoss
from unif2ace.types import CorruptedTokens

ABSORBING = AbsorbingProcess(LinearSchedule())
UNIFORM = UniformProcess(LinearSchedule())
HYBRID = HybridProcess(LinearSchedule(), 0.3)


def _losses(forward_process: ForwardProcess) -> list[LossCallback]:
    if forward_process.name == "absorbing":
        radd = [RADDLoss(variant=v) for v in ("t", "lambda", "k")]
        return [MDLMLoss(), SEDDLoss(forward_process), *radd, D3DiffLoss()]
    return [SEDDLoss(forward_process)] if forward_process.name == "uniform" else [GIDDLoss(forward_process)]


ALL = [(p, loss) for p in (ABSORBING, UNIFORM, HYBRID) for loss in _losses(p)]
NAMES = [f"{p.name}-{loss.name}-{getattr(loss, 'variant', '')}" for p, loss in ALL]
EVERY = pytest.mark.parametrize(("forward_process", "loss"), ALL, ids=NAMES)


def _value(loss: LossCallback, corrupted: CorruptedTokens, logits=None, valid=None, answers: int = 0):
    sequence = sequence_of(corrupted, answers)
    logits = logits_of(sequence) if logits is None else logits
    return loss.compute(step_of([loss], corrupted, sequence, logits, valid))


# one number, whatever estimates it


def _all_masks(schedule: NoiseSchedule, x0: torch.Tensor, t: torch.Tensor) -> tuple[CorruptedTokens, torch.Tensor]:
    """Every mask of one picture at a time, and its probability."""
    chosen = torch.tensor(list(itertools.product([False, True], repeat=x0.shape[1])))
    share, masks = schedule.masked(t), chosen.sum(1)
    chance = share**masks * (1 - share) ** (x0.shape[1] - masks)
    rows = len(chosen)
    of = (f(t.expand(rows)) for f in (schedule.alpha, schedule.weight, schedule.sigma))
    xt = torch.where(chosen, K, x0)
    return CorruptedTokens(torch.arange(rows), x0.expand(rows, -1), xt, t.expand(rows), *of), chance


def _expectation(loss: LossCallback, schedule: NoiseSchedule, nodes: int) -> float:
    """Mean over times by quadrature and over masks by enumeration; nats per token of one picture of 4 tokens."""
    x0 = torch.tensor([[3, 0, 10, 3]])
    places, weights = np.polynomial.legendre.leggauss(nodes)
    table = torch.randn(2**4, 4, K, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    total = 0.0
    for t, weight in zip(torch.tensor(places / 2 + 0.5), weights / 2, strict=True):
        corrupted, chance = _all_masks(schedule, x0, t)
        for row in range(len(chance)):
            one = single(corrupted, row)
            sequence = sequence_of(one)
            logits = torch.zeros(*sequence.ids.shape, VOCABULARY.size, dtype=torch.float64)
            first, end = VOCABULARY.bounds("codebook")
            logits[0, sequence.image_token_positions[0], first:end] = table[row]
            total += float(weight * chance[row] * loss.compute(step_of([loss], one, sequence, logits)).mean)
    return total


def test_all_estimators_of_masked_diffusion_have_one_expectation():
    reference = _expectation(MDLMLoss(), LinearSchedule(), 6)
    absorbing = AbsorbingProcess(LinearSchedule())
    for loss in [*(RADDLoss(variant=v) for v in ("t", "lambda", "k")), SEDDLoss(absorbing)]:
        assert _expectation(loss, LinearSchedule(), 6) == pytest.approx(reference, rel=1e-9), loss.name
    score_only = D3DiffLoss(mask_weight=0, score_weight=1, alpha_scale="none")
    assert _expectation(score_only, LinearSchedule(), 6) == pytest.approx(4 * reference, rel=1e-9)


def test_the_number_of_masks_is_an_estimator_under_other_schedules_too():
    reference = _expectation(MDLMLoss(), LinearSchedule(), 6)
    for variant in ("t", "k"):
        loss = RADDLoss(variant=variant)
        assert _expectation(loss, CosineMaskgitSchedule(), 24) == pytest.approx(reference, rel=1e-8), variant


# identities on one batch


def test_objectives_of_one_process_read_the_same_logits():
    losses = [loss for p, loss in ALL if p is ABSORBING]
    assert len({spec for loss in losses for spec in loss.reads}) == 1


def test_swapping_objectives_gives_the_same_numbers_and_gradients():
    corrupted = corrupted_of(ABSORBING, 6)
    sequence = sequence_of(corrupted, answers=2)
    logits = logits_of(sequence)
    mdlm, sedd = MDLMLoss(), SEDDLoss(ABSORBING)
    by_time, by_share = RADDLoss(variant="t"), RADDLoss(variant="lambda")
    d3diff = D3DiffLoss(mask_weight=0, score_weight=1 / N, alpha_scale="none")
    losses = [mdlm, sedd, by_time, by_share, d3diff]
    step = step_of(losses, corrupted, sequence, logits)
    assert step.unified is not None
    assert len(step.unified.logits) == 1
    values = [loss.compute(step).mean for loss in losses]
    gradients = [torch.autograd.grad(v, logits, retain_graph=True)[0] for v in values]
    for value, gradient in zip(values[1:], gradients[1:], strict=True):
        torch.testing.assert_close(value, values[0], rtol=1e-12, atol=0)
        torch.testing.assert_close(gradient, gradients[0], rtol=1e-10, atol=1e-14)


def test_mdlm_is_its_formula():
    corrupted = corrupted_of(AbsorbingProcess(CosineMaskgitSchedule()), 6)
    sequence = sequence_of(corrupted)
    logits = logits_of(sequence)
    nats = torch.where(corrupted.xt == K, true_nats(corrupted, sequence, logits), 0)
    expected = (corrupted.weight * nats.sum(1)).sum() / (6 * N)
    term = MDLMLoss().compute(step_of([MDLMLoss()], corrupted, sequence, logits))
    torch.testing.assert_close(term.mean, expected)
    assert term.count == 6 * N


def test_radd_counts_masks():
    corrupted = corrupted_of(ABSORBING, 6)
    sequence = sequence_of(corrupted)
    logits = logits_of(sequence)
    masks = (corrupted.xt == K).sum(1)
    nats = torch.where(corrupted.xt == K, true_nats(corrupted, sequence, logits), 0).sum(1)
    expected = ((N + 1) / masks.clamp(min=1) * nats).sum() / (6 * N)
    torch.testing.assert_close(
        RADDLoss(variant="k").compute(step_of([RADDLoss()], corrupted, sequence, logits)).mean, expected
    )


def test_gidd_comes_to_mdlm_where_random_codes_vanish():
    forward_process = HybridProcess(LinearSchedule(), 1e-12)
    corrupted = corrupted_of(forward_process, 8)
    assert ((corrupted.xt == K) | (corrupted.xt == corrupted.x0)).all(), "no random code was drawn"
    sequence = sequence_of(corrupted)
    logits = logits_of(sequence)
    losses = [GIDDLoss(forward_process), MDLMLoss()]
    gidd, mdlm = (loss.compute(step_of(losses, corrupted, sequence, logits)).mean for loss in losses)
    torch.testing.assert_close(gidd, mdlm, rtol=1e-4, atol=1e-6)
    ours, theirs = (torch.autograd.grad(v, logits, retain_graph=True)[0] for v in (gidd, mdlm))
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-6)


def test_a_bounded_weight_is_no_bound():
    corrupted = corrupted_of(HYBRID, 6)
    free, bounded = GIDDLoss(HYBRID), GIDDLoss(HYBRID, max_weight=1.0)
    assert free.is_bound
    assert not bounded.is_bound
    assert _value(bounded, corrupted).mean < _value(free, corrupted).mean
    with pytest.raises(ConfigError, match="max_weight"):
        GIDDLoss(HYBRID, max_weight=0.0)


# what every one of them keeps


@EVERY
def test_it_names_the_forward_processes_that_it_supports(forward_process: ForwardProcess, loss: LossCallback):
    assert forward_process.name in loss.forward_processes
    assert forward_process.masking in loss.maskings
    assert loss.maskings == {"bernoulli"} or not loss.is_bound


@EVERY
def test_visible_tokens_teach_nothing_where_noise_is_masks(forward_process: ForwardProcess, loss: LossCallback):
    corrupted = corrupted_of(forward_process, 6)
    sequence = sequence_of(corrupted, answers=2)
    logits = logits_of(sequence)
    (gradient,) = torch.autograd.grad(loss.compute(step_of([loss], corrupted, sequence, logits)).mean, logits)
    first, end = VOCABULARY.bounds("codebook")
    of_images = gradient[corrupted.sample[:, None], sequence.image_token_positions[:6]]
    assert gradient.abs().sum().item() == pytest.approx(of_images[..., first:end].abs().sum().item()), "only codes"
    taught = of_images.abs().sum(-1) > 0
    if forward_process is ABSORBING:
        assert torch.equal(taught, corrupted.xt == K)
    else:
        assert taught.all()


@EVERY
def test_a_row_that_is_all_visible_adds_nothing_but_its_count(forward_process: ForwardProcess, loss: LossCallback):
    clean = corrupted_of(forward_process, 3)
    clean = replace(clean, xt=clean.x0)
    sequence = sequence_of(clean)
    logits = logits_of(sequence)
    term = loss.compute(step_of([loss], clean, sequence, logits))
    (gradient,) = torch.autograd.grad(term.mean, logits, allow_unused=True)
    assert gradient is None or gradient.isfinite().all()
    if forward_process is ABSORBING:
        assert term.mean == 0
        assert gradient is None or not gradient.any()


@EVERY
@pytest.mark.parametrize("autocast", [False, True])
def test_finite_at_every_time(forward_process: ForwardProcess, loss: LossCallback, autocast: bool):
    times = torch.tensor([1e-6, 1e-3, 0.5, 1 - 1e-6, 1.0])
    corrupted = corrupted_of(forward_process, 5)
    if isinstance(forward_process, HybridProcess):
        m = forward_process.mixture(times)
        of = {"alpha": m.alpha, "sigma": m.sigma, "weight": m.sigma * m.alpha / (m.mask + m.uniform)}
        corrupted = replace(corrupted, t=times, **of)
    else:
        corrupted = at_times(corrupted, forward_process, times)
    sequence = sequence_of(corrupted)
    logits = (
        logits_of(sequence, sharpness=5.0).detach().to(torch.bfloat16 if autocast else torch.float32).requires_grad_()
    )
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        term = loss.compute(step_of([loss], corrupted, sequence, logits))
    assert term.total.dtype == torch.float32
    assert term.mean.isfinite()
    assert term.mean >= 0
    term.mean.backward()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


@EVERY
def test_order_company_and_padding_of_rows_do_not_matter(forward_process: ForwardProcess, loss: LossCallback):
    corrupted = corrupted_of(forward_process, 6)
    sequence = sequence_of(corrupted)
    logits = logits_of(sequence)
    whole = loss.compute(step_of([loss], corrupted, sequence, logits))
    order = torch.tensor([4, 2, 0, 5, 1, 3])
    fields = {f: getattr(corrupted, f)[order] for f in ("x0", "xt", "t", "alpha", "weight", "sigma")}
    moved = {f: getattr(sequence, f)[order] for f in ("ids", "role", "target", "image_start", "visible")}
    shuffled = loss.compute(step_of([loss], replace(corrupted, **fields), replace(sequence, **moved), logits[order]))
    torch.testing.assert_close(shuffled.mean, whole.mean, rtol=1e-12, atol=0)
    with_answers = sequence_of(corrupted, answers=3)  # which pads captions further
    spread = torch.zeros(*with_answers.ids.shape, VOCABULARY.size, dtype=torch.float64)
    rows = corrupted.sample[:, None]
    spread[rows, with_answers.image_token_positions[:6]] = logits[rows, sequence.image_token_positions]
    padded = loss.compute(step_of([loss], corrupted, with_answers, spread))
    torch.testing.assert_close(padded.mean, whole.mean, rtol=1e-12, atol=0)


@EVERY
def test_rows_that_are_not_valid_do_not_count(forward_process: ForwardProcess, loss: LossCallback):
    corrupted = corrupted_of(forward_process, 4)
    sequence = sequence_of(corrupted)
    logits = logits_of(sequence)
    some = loss.compute(step_of([loss], corrupted, sequence, logits, [True, False, True, False]))
    (gradient,) = torch.autograd.grad(some.mean, logits)
    assert not gradient[[1, 3]].any()
    assert gradient[[0, 2]].any()
    kept = torch.tensor([0, 2])
    fields = {f: getattr(corrupted, f)[kept] for f in ("x0", "xt", "t", "alpha", "weight", "sigma")}
    moved = {f: getattr(sequence, f)[kept] for f in ("ids", "role", "task", "target", "image_start", "visible")}
    only = CorruptedTokens(torch.arange(2), **fields)
    alone = loss.compute(step_of([loss], only, replace(sequence, **moved), logits[kept]))
    torch.testing.assert_close(some.mean, alone.mean, rtol=1e-12, atol=0)


@EVERY
def test_no_row_that_generates_is_a_zero_tied_to_the_graph(forward_process: ForwardProcess, loss: LossCallback):
    sequence = sequence_of(None, answers=2)
    logits = logits_of(sequence)
    term = loss.compute(step_of([loss], None, sequence, logits))
    assert term.mean == 0
    assert term.count == 0
    term.mean.backward()
    assert not logits.grad.any()


@EVERY
def test_micro_batches_add_up_to_the_whole(forward_process: ForwardProcess, loss: LossCallback):
    corrupted = corrupted_of(forward_process, 4)
    sequence = sequence_of(corrupted)
    logits = logits_of(sequence)
    valid = [[True, True, False, False], [False, False, True, True]]
    whole = loss.compute(step_of([loss], corrupted, sequence, logits))
    halves = [loss.compute(step_of([loss], corrupted, sequence, logits, v)) for v in valid]
    for terms in zip(*((t, *t.also) for t in (whole, *halves)), strict=True):
        torch.testing.assert_close(terms[0].total, terms[1].total + terms[2].total)
        assert terms[0].count == terms[1].count + terms[2].count


def test_radd_knows_its_variants():
    with pytest.raises(ConfigError, match="variant"):
        RADDLoss(variant="m")  # type: ignore[arg-type]


@pytest.mark.parametrize("schedule", [GeometricSchedule(), LogLinearSchedule(), CosineMaskgitSchedule()])
def test_uniform_noise_bounds_by_the_schedule_s_rate(schedule: NoiseSchedule):
    forward_process = UniformProcess(schedule)
    corrupted = corrupted_of(forward_process, 6)
    sequence = sequence_of(corrupted)
    logits = logits_of(sequence)
    loss = SEDDLoss(forward_process)
    term = loss.compute(step_of([loss], corrupted, sequence, logits))
    p = image_log_p(corrupted, sequence, logits).exp()
    alpha = corrupted.alpha[:, None, None]
    truth = alpha * torch.nn.functional.one_hot(corrupted.x0, K) + (1 - alpha) / K
    model = alpha * p + (1 - alpha) / K
    at = corrupted.xt[..., None]
    ratio, score = truth / truth.gather(-1, at), model / model.gather(-1, at)
    terms = (score - ratio * score.log() + ratio * (ratio.log() - 1)).scatter(-1, at, 0.0).sum(-1) / K
    torch.testing.assert_close(term.mean, (corrupted.sigma[:, None] * terms).mean(), rtol=1e-6, atol=1e-9)
