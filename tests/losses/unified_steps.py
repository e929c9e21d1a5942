"""Steps of a unified model whose network is a table of logits: what losses of image and text tokens read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import torch
from mixed_sequences import stack
from torch import Tensor

from unif2ace.diffusion.forward_processes.base import ForwardProcess
from unif2ace.diffusion.noise import SampleNoise
from unif2ace.losses.base import LossCallback
from unif2ace.sequence.sequence_layout import SequenceLayout
from unif2ace.sequence.vocabulary import Vocabulary
from unif2ace.types import (
    Batch,
    CorruptedTokens,
    Logits,
    LogitsSpec,
    SequenceParts,
    StepOutput,
    Task,
    TokenSequence,
    UnifiedStep,
)

VOCABULARY = Vocabulary(text_size=20, codebook_size=11, bos_id=1, eos_id=2)
K, N = 11, 8


def corrupted_of(forward_process: ForwardProcess, rows: int, seed: int = 0, tokens: int = N) -> CorruptedTokens:
    """Random pictures, corrupted; float64."""
    g = torch.Generator().manual_seed(seed)
    x0 = torch.randint(0, K, (rows, tokens), generator=g)
    uniform = torch.rand(rows, 1 + 2 * tokens, generator=g, dtype=torch.float64)
    noise = SampleNoise.split(torch.nn.functional.pad(uniform, (0, 2)))
    return forward_process.corrupt(torch.arange(rows), x0, noise, K)


def sequence_of(corrupted: CorruptedTokens | None, answers: int = 0, seed: int = 0) -> TokenSequence:
    """Samples that generate, with captions of different lengths, and samples that answer below them."""
    g = torch.Generator().manual_seed(seed)
    layout, parts = SequenceLayout(VOCABULARY, max_text=12), []
    if corrupted is not None:
        rows = len(corrupted.x0)
        caption, length = torch.randint(3, 20, (rows, 6), generator=g), torch.randint(0, 6, (rows,), generator=g)
        parts.append(layout.text_to_image(caption, length, corrupted.xt, corrupted.x0))
    if answers:
        text = torch.randint(3, 20, (2, answers, 4), generator=g)
        length = torch.randint(1, 5, (2, answers), generator=g)
        tokens = N if corrupted is None else corrupted.x0.shape[1]
        codes = torch.randint(0, K, (answers, tokens), generator=g)
        parts.append(layout.understanding(codes, text[0], length[0], text[1], length[1]))
    return parts[0] if len(parts) == 1 else stack(*parts, VOCABULARY)


def logits_of(sequence: TokenSequence, seed: int = 0, sharpness: float = 1.0) -> Tensor:
    """Random logits of every column, float64 (B, L, V), which ask for a gradient."""
    g = torch.Generator().manual_seed(seed)
    shape = (*sequence.ids.shape, VOCABULARY.size)
    return (sharpness * torch.randn(shape, generator=g, dtype=torch.float64)).requires_grad_()


def step_of(
    losses: Iterable[LossCallback],
    corrupted: CorruptedTokens | None,
    sequence: TokenSequence,
    logits_BLV: Tensor,
    valid: list[bool] | None = None,
) -> StepOutput:
    """What a module would hand to the losses."""
    rows = len(sequence.ids)
    valid_B = torch.tensor(valid if valid is not None else [True] * rows)
    specs = {part for loss in losses for part in loss.reads if isinstance(part, LogitsSpec)}
    read = {spec: _read(spec, sequence, logits_BLV) for spec in specs}
    return StepOutput(
        Batch(sequence.task, torch.arange(rows), valid_B),
        unified=UnifiedStep(SequenceParts.of(sequence), corrupted, read),
    )


def _read(spec: LogitsSpec, sequence: TokenSequence, logits_BLV: Tensor) -> Logits:
    assert sequence.target is not None
    at = spec.positions(sequence).nonzero(as_tuple=True)
    first, end = VOCABULARY.bounds(spec.vocabulary)
    target = sequence.target[at]
    target = torch.where((target >= first) & (target < end), target - first, -100)
    starts = sequence.target[at[0], at[1] - 1] < 0
    return Logits(at[0], logits_BLV[..., first:end][at], target, *places_of(sequence, *at), starts)


def places_of(sequence: TokenSequence, sample_P: Tensor, position_P: Tensor) -> tuple[Tensor, Tensor]:
    """Of some positions: the index of their sample among those that generate, and of their token in its picture."""
    assert sequence.image_start is not None
    generates_B = sequence.task == Task.TEXT_TO_IMAGE
    return (generates_B.cumsum(0) - 1)[sample_P], position_P - sequence.image_start[sample_P]


def image_log_p(corrupted: CorruptedTokens, sequence: TokenSequence, logits_BLV: Tensor) -> Tensor:
    """Log-probabilities of the codes at all image tokens, (G, N, K): what a loss should have made of the logits."""
    first, end = VOCABULARY.bounds("codebook")
    positions = sequence.image_token_positions[: len(corrupted.sample)]
    return logits_BLV[corrupted.sample[:, None], positions, first:end].log_softmax(-1)


def true_nats(corrupted: CorruptedTokens, sequence: TokenSequence, logits_BLV: Tensor) -> Tensor:
    """Cross-entropy of the clean codes, (G, N)."""
    return -image_log_p(corrupted, sequence, logits_BLV).gather(-1, corrupted.x0[..., None])[..., 0]


def task_rows(sequence: TokenSequence) -> tuple[Tensor, Tensor]:
    """Which rows generate, and which answer."""
    generates = sequence.task == Task.TEXT_TO_IMAGE
    return generates, ~generates


def single(corrupted: CorruptedTokens, sample: int) -> CorruptedTokens:
    """One sample of some, as a batch of its own."""
    fields = ("x0", "xt", "t", "alpha", "weight", "sigma")
    return CorruptedTokens(torch.arange(1), *(getattr(corrupted, f)[sample : sample + 1] for f in fields))


def at_times(corrupted: CorruptedTokens, forward_process: ForwardProcess, t: Tensor) -> CorruptedTokens:
    """The same corruption, said to be of other times."""
    s = forward_process.noise_schedule
    return replace(corrupted, t=t, alpha=s.alpha(t), weight=s.weight(t), sigma=s.sigma(t))
