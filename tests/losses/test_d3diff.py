"""D3Diff against its parts, Show-o's loss and the paper's scale."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file
from unified_steps import VOCABULARY, K, N, corrupted_of, logits_of, places_of, sequence_of, step_of, true_nats

from unif2ace.diffusion.forward_processes.absorbing import AbsorbingProcess
from unif2ace.diffusion.noise_schedules.cosine_maskgit import CosineMaskgitSchedule
from unif2ace.diffusion.noise_schedules.linear import LinearSchedule
from unif2ace.errors import ConfigError
from unif2ace.losses.ar import ARLoss
from unif2ace.losses.d3diff import D3DiffLoss, masked_span
from unif2ace.sequence.positions import answer
from unif2ace.types import (
    Batch,
    CorruptedTokens,
    Logits,
    LogitsSpec,
    Role,
    StepOutput,
    Task,
    TokenSequence,
    UnifiedStep,
)

COSINE = AbsorbingProcess(CosineMaskgitSchedule())


def _setup(rows: int = 6, tokens: int = N):
    corrupted = corrupted_of(COSINE, rows, tokens=tokens)
    sequence = sequence_of(corrupted)
    return corrupted, sequence, logits_of(sequence)


def _compute(loss: D3DiffLoss, corrupted: CorruptedTokens, sequence: TokenSequence, logits: torch.Tensor):
    return loss.compute(step_of([loss], corrupted, sequence, logits))


@pytest.mark.parametrize("reduction", ["observed", "fixed"])
@pytest.mark.parametrize("alpha_scale", ["tokens", "none"])
def test_it_is_a_cross_entropy_with_two_weights(reduction: str, alpha_scale: str):
    corrupted, sequence, logits = _setup()
    loss = D3DiffLoss(mask_weight=0.7, score_weight=0.3, reduction=reduction, alpha_scale=alpha_scale)
    hidden = corrupted.xt == K
    nats = torch.where(hidden, true_nats(corrupted, sequence, logits), 0)
    alpha = 0.3 * (256 / N if alpha_scale == "tokens" else 1)
    number = hidden.sum() if reduction == "observed" else 6 * N
    weights = 0.7 / number + alpha * corrupted.weight[:, None] / 6
    value = _compute(loss, corrupted, sequence, logits).mean
    torch.testing.assert_close(value, (weights * nats).sum())
    ours, theirs = (torch.autograd.grad(v, logits, retain_graph=True)[0] for v in (value, (weights * nats).sum()))
    torch.testing.assert_close(ours, theirs)


def test_the_score_s_share_does_not_depend_on_the_number_of_tokens():
    shares = {}
    for tokens in (8, 32, 128):
        corrupted = _setup(1, tokens)[0]
        corrupted = replace(corrupted, xt=torch.full_like(corrupted.x0, K))
        sequence = sequence_of(corrupted)
        term = _compute(D3DiffLoss(), corrupted, sequence, torch.zeros(*sequence.ids.shape, VOCABULARY.size))
        shares[tokens] = float(term.also[0].mean / (term.total / term.count) / corrupted.weight)
    assert list(shares.values()) == pytest.approx([2.56] * 3), "0.01 x 256 times the weight, for constant entropy"


def test_parts_are_what_they_say():
    corrupted, sequence, logits = _setup()
    term = _compute(D3DiffLoss(score_weight=0.5), corrupted, sequence, logits)
    hidden = corrupted.xt == K
    nats = torch.where(hidden, true_nats(corrupted, sequence, logits), 0)
    mask, score = nats.sum() / hidden.sum(), (corrupted.weight * nats.sum(1)).mean()
    expected = {"mask": mask, "score": score, "ratio": score / mask}
    assert set(term.parts) == set(expected)
    for name, value in expected.items():
        torch.testing.assert_close(term.parts[name], value.detach())
        assert not term.parts[name].requires_grad


def test_over_the_codebook_the_paper_s_scale_trains_alike_and_logs_its_offset():
    corrupted, sequence, logits = _setup()
    terms = [_compute(D3DiffLoss(score_scale=s), corrupted, sequence, logits) for s in ("exact", "paper")]
    gradients = [torch.autograd.grad(t.mean, logits, retain_graph=True)[0] for t in terms]
    assert torch.equal(*gradients)
    masks = (corrupted.xt == K).sum(1)
    offset = corrupted.sigma * (1 + corrupted.alpha / (1 - corrupted.alpha) * corrupted.alpha.log())
    torch.testing.assert_close(terms[1].parts["offset"], (offset * masks).mean())
    assert "offset" not in terms[0].parts


def _mass_gradient(scale: str, alpha: float, mass: float) -> float:
    """Slope of the score term in the log of the codes' mass, at a network whose right code has all of that mass."""
    t = torch.tensor([1 - alpha], dtype=torch.float64)
    schedule = LinearSchedule()
    x0 = torch.tensor([[4, 4]])
    of = schedule.alpha(t), schedule.weight(t), schedule.sigma(t)
    corrupted = CorruptedTokens(torch.arange(1), x0, torch.full_like(x0, K), t, *of)
    sequence = sequence_of(corrupted)
    lift = torch.tensor(0.0, dtype=torch.float64, requires_grad=True)
    first, end = VOCABULARY.bounds("codebook")
    logits = torch.full((*sequence.ids.shape, VOCABULARY.size), -60.0, dtype=torch.float64)
    logits[..., 0] = 0.0  # the other ids together have exp(0)
    logits = logits + torch.nn.functional.one_hot(torch.tensor(first + 4), VOCABULARY.size) * (
        60 + torch.tensor(mass / (1 - mass), dtype=torch.float64).log() + lift
    )
    assert end - first == K
    loss = D3DiffLoss(mask_weight=0, score_scale=scale, vocabulary="full", codebook_size=K)
    return float(torch.autograd.grad(_compute(loss, corrupted, sequence, logits).mean, lift)[0])


@pytest.mark.parametrize("alpha", [0.9, 0.5, 0.1])
def test_over_all_ids_the_paper_s_scale_teaches_to_leave_the_codebook(alpha: float):
    assert _mass_gradient("paper", alpha, alpha) == pytest.approx(0, abs=1e-10), "at rest where the mass is alpha"
    assert _mass_gradient("paper", alpha, min(alpha + 0.05, 0.99)) > 1e-4, "less mass is better above"
    assert _mass_gradient("paper", alpha, alpha - 0.05) < -1e-4, "more is better below"
    assert _mass_gradient("exact", alpha, 0.99) < 0, "exact: more is always better"


def test_over_all_ids_the_score_is_the_entropy_of_the_codes_part():
    corrupted, sequence, logits = _setup()
    loss = D3DiffLoss(mask_weight=0, score_weight=1, alpha_scale="none", vocabulary="full", codebook_size=K)
    first, end = VOCABULARY.bounds("codebook")
    log_p = logits.log_softmax(-1)[corrupted.sample[:, None], sequence.image_token_positions][..., first:end]
    nats = -log_p.gather(-1, corrupted.x0[..., None])[..., 0]
    entropy = torch.where(corrupted.xt == K, log_p.exp().sum(-1) - 1 + nats, 0)
    torch.testing.assert_close(
        _compute(loss, corrupted, sequence, logits).mean, (corrupted.weight * entropy.sum(1)).mean()
    )


@pytest.mark.parametrize("scale", ["exact", "paper"])
@pytest.mark.parametrize("positions", ["masked", "image_span"])
def test_over_all_ids_it_is_finite_at_every_time(scale: str, positions: str):
    t = torch.tensor([1e-6, 1e-3, 0.5, 1 - 1e-6, 1.0])
    schedule = LinearSchedule()
    corrupted = corrupted_of(COSINE, 5)
    corrupted = replace(corrupted, t=t, alpha=schedule.alpha(t), weight=schedule.weight(t), sigma=schedule.sigma(t))
    sequence = sequence_of(corrupted)
    logits = logits_of(sequence, sharpness=5.0).detach().float().requires_grad_()
    loss = D3DiffLoss(score_scale=scale, vocabulary="full", positions=positions, codebook_size=K)
    term = _compute(loss, corrupted, sequence, logits)
    term.mean.backward()
    assert term.mean.isfinite()
    assert logits.grad.isfinite().all()
    assert all(part.isfinite() for part in term.parts.values())


def test_the_image_span_reads_masked_tokens_soi_and_eoi():
    corrupted = corrupted_of(COSINE, 4)
    sequence = sequence_of(corrupted, answers=2)
    found = masked_span(sequence)
    assert torch.equal(found[:4].sum(1), (corrupted.xt == K).sum(1) + 2)
    assert not found[4:].any()
    assert set(sequence.role[found].tolist()) == {Role.SOI, Role.IMAGE, Role.EOI}


# Show-o


def _show_o() -> tuple[dict[str, torch.Tensor], TokenSequence, CorruptedTokens]:
    path = Path(__file__).parents[2] / "../shared/fixtures/showo/tiny_showo_forward.safetensors"
    if not path.is_file():
        pytest.skip(f"needs the golden numbers at {path}")
    g = load_file(path)
    pad, soi, eoi, offset, mask_id = 120, 121, 122, 130, 194
    rows = torch.tensor([0, 1, 2, 5, 6, 7])  # three that generate, three that answer; two of plain text are left out
    ids, labels = g["input_ids"][rows], g["labels"][rows]
    role = torch.where(ids == pad, Role.PAD, Role.PROMPT)
    for value, what in ((soi, Role.SOI), (eoi, Role.EOI)):
        role = torch.where(ids == value, what, role)
    role = torch.where(ids >= offset, Role.IMAGE, role)
    task = torch.tensor([Task.TEXT_TO_IMAGE] * 3 + [Task.UNDERSTANDING] * 3)
    start = (ids == soi).int().argmax(1) + 1
    positions = start[:3, None] + torch.arange(16)
    shown, wanted = ids[:3].gather(1, positions), labels[:3].gather(1, positions)
    target = labels.clone()
    clean = torch.where(shown == mask_id, wanted, shown)  # a visible token's target is itself
    target[:3].scatter_(1, positions, clean)
    target[3:] = torch.cat([labels[3:, 1:], labels.new_full((3, 1), -100)], 1)
    sequence = TokenSequence(ids, role, task, torch.zeros_like(ids), None, start, 16, target)
    xt, one = torch.where(shown == mask_id, 64, shown - offset), torch.ones(3)
    corrupted = CorruptedTokens(torch.arange(3), clean - offset, xt, one, one, one, one)
    return g | {"logits": g["logits"][rows]}, sequence, corrupted


def _all_ids(positions, sequence: TokenSequence, logits: torch.Tensor) -> Logits:
    at = positions(sequence).nonzero(as_tuple=True)
    return Logits(at[0], logits[at], sequence.target[at], *places_of(sequence, *at))


def test_the_losses_of_show_o():
    g, sequence, corrupted = _show_o()
    loss = D3DiffLoss(score_weight=0, vocabulary="full", positions="image_span", codebook_size=64)
    ar = ARLoss(vocabulary="full")
    positions = {loss.logits_spec: masked_span, ar.logits_spec: answer}
    logits = {spec: _all_ids(of, sequence, g["logits"]) for spec, of in positions.items()}
    batch = Batch(sequence.task, torch.arange(6), torch.ones(6, dtype=torch.bool))
    step = StepOutput(batch, unified=UnifiedStep(sequence, corrupted, logits))
    masked = loss.compute(step)
    torch.testing.assert_close(masked.mean, g["loss_t2i"][0], rtol=1e-5, atol=1e-5)
    assert masked.count == g["n_targets"][0]
    said = ar.compute(step)
    torch.testing.assert_close(said.mean, g["loss_mmu"][0], rtol=1e-5, atol=1e-5)
    assert said.count == g["n_targets"][2]


@pytest.mark.parametrize("size", [0, 1])
def test_the_masked_loss_of_show_o_without_its_span(size: int):
    path = Path(__file__).parents[2] / "../shared/fixtures/diffusion/showo.safetensors"
    if not path.is_file():
        pytest.skip(f"needs the golden numbers at {path}")
    g = {
        k.removeprefix(f"loss_t2i.{size}."): v for k, v in load_file(path).items() if k.startswith(f"loss_t2i.{size}.")
    }
    rows, tokens = g["labels"].shape
    codes = g["logits"].shape[-1] - 1  # the mask is the last class
    loss = D3DiffLoss(score_weight=0, vocabulary="full", codebook_size=codes)
    at = (g["labels"] >= 0).nonzero(as_tuple=True)  # a sequence is its picture, and all of them generate
    values = g["logits"].clone().requires_grad_()
    logits = {loss.logits_spec: Logits(at[0], values[at], g["labels"][at], *at)}
    x0 = torch.where(g["labels"] >= 0, g["labels"], 0)
    corrupted = CorruptedTokens(
        torch.arange(rows), x0, torch.where(g["labels"] >= 0, codes, x0), *(torch.ones(4, rows))
    )
    sequence = TokenSequence(x0, x0, torch.ones(rows), x0, None, torch.zeros(rows).long(), tokens)
    batch = Batch(torch.ones(rows), torch.arange(rows), torch.ones(rows, dtype=torch.bool))
    term = loss.compute(StepOutput(batch, unified=UnifiedStep(sequence, corrupted, logits)))
    torch.testing.assert_close(term.mean, g["loss"], rtol=1e-5, atol=1e-6)
    (gradient,) = torch.autograd.grad(term.mean, values)
    torch.testing.assert_close(gradient, g["grad"], rtol=1e-4, atol=1e-6)


# the callback


def test_the_ratio_is_said_once_at_the_start(caplog: pytest.LogCaptureFixture):
    corrupted, sequence, logits = _setup()
    loss = D3DiffLoss()
    trainer = SimpleNamespace(global_step=0)
    with caplog.at_level(logging.INFO):
        loss.on_train_start(trainer, None)
        ratio = float(_compute(loss, corrupted, sequence, logits).parts["ratio"])
        for _ in range(2):
            loss.on_train_batch_end(trainer, None, None, None, 0)
            _compute(loss, corrupted, sequence, logits)
    said = [m for m in caplog.messages if "score / mask" in m]
    assert len(said) == 1
    assert f"{ratio:.4g}" in said[0]
    resumed = D3DiffLoss()
    with caplog.at_level(logging.INFO):
        resumed.on_train_start(SimpleNamespace(global_step=10), None)
        _compute(resumed, corrupted, sequence, logits)
        resumed.on_train_batch_end(trainer, None, None, None, 0)
    assert len([m for m in caplog.messages if "score / mask" in m]) == 1


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"score_scale": "sum"}, "score_scale"),
        ({"vocabulary": "text"}, "vocabulary"),
        ({"positions": "all"}, "positions"),
        ({"alpha_scale": "rows"}, "alpha_scale"),
        ({"reduction": "mean"}, "reduction"),
        ({"mask_weight": -1.0}, "mask_weight"),
        ({"score_weight": -1.0}, "score_weight"),
        ({"vocabulary": "full"}, "codebook_size"),
        ({"positions": "image_span"}, "vocabulary=full"),
    ],
)
def test_wrong_settings_are_refused(wrong, named):
    with pytest.raises(ConfigError, match=named):
        D3DiffLoss(**wrong)


def test_two_of_one_choice_share_their_logits():
    assert D3DiffLoss().reads == D3DiffLoss(score_scale="paper").reads
    assert isinstance(D3DiffLoss().logits_spec, LogitsSpec)
