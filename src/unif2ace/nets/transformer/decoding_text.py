"""Text generation with the unified network, and likelihoods of given answers.

A prefix holds MMU sequences up to the answer (`SequenceLayout.understanding` without an answer), aligned so that all
end at the same position (`align_right`). Prefix positions never attend to later positions, so their keys and values are
computed once. For comparison, `cache=False` recomputes whole sequences for every token.

Shapes: B sequences, L positions of the prefix, T new tokens, C answers, U positions of an answer, V ids, D width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from unif2ace.errors import ConfigError, DataError
from unif2ace.nets.transformer.continuation import Continuation
from unif2ace.nets.transformer.token_sampling import TokenSampling
from unif2ace.nets.transformer.unified import UnifiedNet
from unif2ace.types import Condition, TokenSequence

Part = Literal["text", "full"]


@dataclass(frozen=True, slots=True)
class GeneratedText:
    """Generated text.

    Attributes:
        ids: int64 (B, T); all positions after the end of a sequence hold the stop id.
        length: int64 (B,), number of ids before the stop id.
        stopped: bool (B,), True if a sequence ended with the stop id, False if it ended after `max_new` ids.
        log_p: float32 (B, T), log-probability of each id including the stop id, in nats, under the network's
            distribution before temperature and filters; 0 after the stop id.
    """

    ids: Tensor
    length: Tensor
    stopped: Tensor
    log_p: Tensor


@torch.no_grad()
def generate_text(
    net: UnifiedNet,
    prefix: TokenSequence,
    conditions: Mapping[str, Condition] | None = None,
    *,
    max_new: int = 128,
    choice: TokenSampling | None = None,
    seeds: Sequence[int] | None = None,
    stop: int | None = None,
    part: Part = "text",
    cache: bool = True,
) -> GeneratedText:
    """Continues each sequence up to the stop id or `max_new` ids; its result does not depend on the rest of the batch.

    Args:
        net: The network in evaluation mode.
        prefix: Sequences (B, L), aligned so that all end at the same position.
        conditions: Visual features by encoder, values (B, M, F).
        max_new: Maximum number of new ids, T.
        choice: How the next id is chosen; None for the most likely id.
        seeds: One seed per sequence; required unless the choice is greedy.
        stop: Id that ends a sequence; None for eos.
        part: ``text`` generates text ids only; ``full`` any id, as Show-o does.
        cache: Whether to cache keys and values.

    Raises:
        ConfigError: If `max_new` is below 1 or seeds are missing.
    """
    choice = choice or TokenSampling()
    stop = net.vocabulary.eos_id if stop is None else stop
    rows, device = len(prefix.ids), prefix.ids.device
    if max_new < 1:
        raise ConfigError(f"max_new={max_new}: it must be 1 or more")
    uniform_BT = None if choice.greedy else _uniforms(seeds, rows, max_new, device)
    reading = Continuation(net, prefix, conditions, max_new, cache)
    text = _Writing(rows, max_new, stop, device)
    for step in range(max_new):
        logits_bV = net.logits(reading.last_BD, part)
        ids_b = choice(logits_bV, None if uniform_BT is None else uniform_BT[text.row_b, step])
        text.write(step, ids_b, logits_bV)
        if step + 1 == max_new:
            break
        if device.type == "cpu" or step % 8 == 7:  # reading from a GPU synchronises it
            keep_b = (~text.done_b).nonzero()[:, 0]
            if not len(keep_b):
                break
            if 2 * len(keep_b) <= len(ids_b):  # rare enough that copying the cache is cheap
                reading.keep(keep_b)
                text.keep(keep_b)
                ids_b = ids_b[keep_b]
        reading.append(ids_b)
    return text.result()


def _uniforms(seeds: Sequence[int] | None, rows: int, number: int, device: torch.device) -> Tensor:
    if seeds is None or len(seeds) != rows:
        raise ConfigError(f"seeds={seeds}: sampling needs one seed for each of the {rows} sequences")
    return torch.from_numpy(np.stack([np.random.default_rng(seed).random(number) for seed in seeds])).to(device)


class _Writing:
    """The generated ids; b of the B sequences are still running, some of them already stopped."""

    def __init__(self, rows: int, max_new: int, stop: int, device: torch.device) -> None:
        self._stop = stop
        self._ids = torch.full((rows, max_new), stop, device=device)
        self._log_p = torch.zeros(rows, max_new, dtype=torch.float32, device=device)
        self._length = torch.zeros(rows, dtype=torch.int64, device=device)
        self._stopped = torch.zeros(rows, dtype=torch.bool, device=device)
        self.row_b = torch.arange(rows, device=device)
        self.done_b = self._stopped.clone()
        self._width = 0

    def write(self, step: int, ids_b: Tensor, logits_bV: Tensor) -> None:
        log_p_b = logits_bV.log_softmax(-1).gather(1, ids_b[:, None])[:, 0].float()
        self._ids[self.row_b, step] = ids_b.masked_fill(self.done_b, self._stop)
        self._log_p[self.row_b, step] = log_p_b.masked_fill(self.done_b, 0)
        self.done_b = self.done_b | (ids_b == self._stop)
        self._length[self.row_b] += ~self.done_b
        self._stopped[self.row_b] = self.done_b
        self._width = step + 1

    def keep(self, place_b: Tensor) -> None:
        self.row_b, self.done_b = self.row_b[place_b], self.done_b[place_b]

    def result(self) -> GeneratedText:
        return GeneratedText(self._ids[:, : self._width], self._length, self._stopped, self._log_p[:, : self._width])


@torch.no_grad()
def answer_log_likelihood(
    net: UnifiedNet,
    prefix: TokenSequence,
    answer_BCT: Tensor,
    length_BC: Tensor,
    conditions: Mapping[str, Condition] | None = None,
    *,
    end: bool = True,
    cache: bool = True,
) -> Tensor:
    """Log-likelihood of given answers.

    With a cache the prefix is computed once. All answers of a sequence are then computed in one pass and do not attend
    to each other.

    Args:
        net: The network in evaluation mode.
        prefix: Sequences (B, L), aligned so that all end at the same position.
        answer_BCT: int64 (B, C, T), text ids of C answers per sequence, padded at the end.
        length_BC: int64 (B, C), number of ids of each answer; 0 where a sequence has fewer answers.
        conditions: Visual features by encoder, values (B, M, F).
        end: Whether to include eos after an answer. Without eos the likelihood of "yes" covers every answer that starts
            with "yes".
        cache: Whether to cache keys and values.

    Returns:
        float32 (B, C), sums over the ids of an answer, in nats; -inf where there is no answer.

    Raises:
        DataError: If an answer holds an id that is not a text id, or a sequence has no answer.
    """
    v = net.vocabulary
    step_T = torch.arange(answer_BCT.shape[2], device=answer_BCT.device)
    inside_BCT = step_T < length_BC[..., None]
    if bool((inside_BCT & ((answer_BCT < 0) | (answer_BCT >= v.text_size))).any()) or not bool(length_BC.any(1).all()):
        raise DataError(
            f"answers to score: each sequence needs an answer, of text ids from 0 to {v.text_size - 1} only"
        )
    ids_BCT = answer_BCT.where(inside_BCT, v.eos_id)
    if end:
        ids_BCT = torch.cat([ids_BCT, torch.full_like(ids_BCT[..., :1], v.eos_id)], 2)
    count_BC = length_BC + end
    width = int(count_BC.max())
    ids_BCT = ids_BCT[..., :width]
    counts_BCT = torch.arange(width, device=ids_BCT.device) < count_BC[..., None]
    reading = Continuation(net, prefix, conditions, 0, cache)
    first_BV = net.logits(reading.last_BD, "text").log_softmax(-1)
    log_p_BC = first_BV.gather(1, ids_BCT[..., 0])
    if width > 1:
        hidden_BCUD = reading.branches(ids_BCT[..., :-1], counts_BCT[..., 1:])
        later_BCU = counts_BCT[..., 1:]
        logits_PV = net.logits(hidden_BCUD[later_BCU], "text")
        log_p_P = logits_PV.log_softmax(-1).gather(1, ids_BCT[..., 1:][later_BCU][:, None])[:, 0]
        later_log_p_BCU = log_p_P.new_zeros(later_BCU.shape).masked_scatter(later_BCU, log_p_P)
        log_p_BC = log_p_BC + later_log_p_BCU.sum(-1)
    return log_p_BC.masked_fill(length_BC == 0, -torch.inf)


def answer_probabilities(log_likelihood_BC: Tensor) -> Tensor:
    """float32 (B, C), probability of each answer if one of the C answers is correct; each row sums to 1."""
    return log_likelihood_BC.softmax(-1)
