"""D3Diff: masked prediction plus score entropy.

Shapes: B samples, L positions, P predicted tokens, G T2I samples, N image tokens, K codes, V ids.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import lightning.pytorch as pl
import torch
from lightning.pytorch.utilities import rank_zero_info
from torch import Tensor

from unif2ace.diffusion.likelihood import token_log_p, token_nats
from unif2ace.diffusion.score import paper_offset
from unif2ace.errors import ConfigError
from unif2ace.losses.base import LossCallback
from unif2ace.sequence.positions import image, image_span, masked_image
from unif2ace.types import CorruptedTokens, Logits, LogitsSpec, LossTerm, StepOutput, TokenSequence

CHOICES = {
    "score_scale": ("exact", "paper"),
    "vocabulary": ("codebook", "full"),
    "positions": ("masked", "image_span"),
    "alpha_scale": ("tokens", "none"),
    "reduction": ("observed", "fixed"),
}
PAPER_TOKENS = 256
"""Number of image tokens of the model for which the paper chose `score_weight`."""
LEAST_ALPHA = 1e-3
"""Lower bound of :math:`\alpha_t` in the paper's score, whose entropy is infinite at :math:`\alpha_t = 0`."""


class D3DiffLoss(LossCallback):
    r"""Masked prediction plus score entropy (UniF2ace, arXiv 2503.08120): mask + alpha * score.

    Sums are over masked tokens; l is the cross-entropy of a masked token, w the weight of the likelihood bound.

    - mask :math:`= \sum l / M` is the loss of MaskGIT and Show-o. M is the number of masked tokens of the micro-batch
      (``reduction=observed``), or N per sample (``fixed``);
    - score :math:`= \sum w(t)\,l`, a mean over samples, is the likelihood bound of a sample in nats. It equals sigma
      times SEDD's score entropy of the score :math:`s = p\,\alpha_t / (1 - \alpha_t)`.

    ``score_scale=paper`` uses the paper's score p / q with :math:`q = 1 - \alpha_t`. With ``vocabulary=codebook`` its
    gradient is the same. The difference of the values is logged as ``offset``, in nats per sample, and not part of the
    loss. With ``vocabulary=full`` the softmax has a mass Z on the codes, and the entropy has a further term
    :math:`w (Z - 1)` (exact) or :math:`w (Z - 1) / \alpha_t` (paper). The entropy with the paper's term is smallest at
    :math:`Z = \alpha_t`, so it trains the network to predict ids that are not codes.

    The loss is not a likelihood bound. With `mask_weight=0` it is alpha times the score, which is a bound.

    Args:
        weight: Factor of the term.
        mask_weight: Factor of the mask term, 0 or more.
        score_weight: alpha, 0 or more.
        score_scale: ``exact`` or ``paper``.
        vocabulary: Support of the softmax: ``codebook`` or ``full``.
        positions: Positions that the mask term predicts: ``masked`` tokens, or ``image_span`` for masked tokens, soi
            and eoi. ``image_span`` with ``vocabulary=full`` is Show-o's loss.
        alpha_scale: ``tokens`` multiplies alpha by 256 / N, because the score sums over tokens; ``none`` does not.
        reduction: Denominator M of the mask term, ``observed`` or ``fixed``.
        codebook_size: K; needed for ``vocabulary=full``.

    Raises:
        ConfigError: If a choice is unknown, a factor is negative, or ``vocabulary=full`` lacks `codebook_size`.
    """

    name = "d3diff"
    needs = "unified"
    forward_processes = frozenset({"absorbing"})

    def __init__(
        self,
        weight: float = 1.0,
        mask_weight: float = 1.0,
        score_weight: float = 0.01,
        *,
        score_scale: Literal["exact", "paper"] = "exact",
        vocabulary: Literal["codebook", "full"] = "codebook",
        positions: Literal["masked", "image_span"] = "masked",
        alpha_scale: Literal["tokens", "none"] = "tokens",
        reduction: Literal["observed", "fixed"] = "observed",
        codebook_size: int | None = None,
    ) -> None:
        super().__init__(weight)
        chosen = {
            "score_scale": score_scale,
            "vocabulary": vocabulary,
            "positions": positions,
            "alpha_scale": alpha_scale,
            "reduction": reduction,
        }
        _check(chosen, {"mask_weight": mask_weight, "score_weight": score_weight}, codebook_size)
        self.mask_weight, self.score_weight, self.codebook_size = mask_weight, score_weight, codebook_size
        self.score_scale, self.alpha_scale, self.reduction, self.full = (
            score_scale,
            alpha_scale,
            reduction,
            vocabulary == "full",
        )
        self.logits_spec = LogitsSpec(masked_span if positions == "image_span" else masked_image, vocabulary)
        self.reads = frozenset({self.logits_spec})
        self._first: tuple[Tensor, float] | None = None  # score / mask ratio and alpha, until they are logged
        self._shown = False

    def compute(self, step: StepOutput) -> LossTerm:
        """Sums over valid samples: the mask term per token and, in `also`, the score per sample."""
        assert step.unified is not None
        logits, corrupted = step.unified.logits[self.logits_spec], step.unified.corrupted
        if corrupted is None:
            nothing = LossTerm(logits.values.sum() * 0, logits.values.new_zeros(()))
            return replace(nothing, also=(nothing,))  # the same number of counts as on other ranks
        valid = step.batch.valid
        counts_P = valid[logits.sample]
        nats_P = token_nats(logits)
        score_P = torch.where(counts_P & self._is_code(logits), self._entropy(logits, nats_P, corrupted), 0)
        mask = torch.where(counts_P, nats_P, 0).sum()
        rows, tokens = valid[corrupted.sample].sum().float(), corrupted.x0.shape[1]
        mask_count = counts_P.sum().float() if self.reduction == "observed" else rows * tokens
        alpha = self.score_weight * (PAPER_TOKENS / tokens if self.alpha_scale == "tokens" else 1.0)
        score = score_P.sum()
        parts = self._parts(mask / mask_count.clamp(min=1), score / rows.clamp(min=1), alpha)
        if self.score_scale == "paper":
            offset_P = paper_offset(corrupted.weight, corrupted.alpha.clamp(min=LEAST_ALPHA))[logits.generation]
            parts["offset"] = torch.where(counts_P & self._is_code(logits), offset_P, 0).sum() / rows.clamp(min=1)
        counts = {name: mask_count if name == "mask" else rows for name in parts}
        return LossTerm(self.mask_weight * mask, mask_count, parts, counts, also=(LossTerm(alpha * score, rows),))

    def _entropy(self, logits: Logits, nats_P: Tensor, corrupted: CorruptedTokens) -> Tensor:
        """Weighted score entropy without ``offset``, float (P,); undefined for tokens that are not codes."""
        weight_P = corrupted.weight[logits.generation]
        if not self.full:
            return weight_P * nats_P
        assert self.codebook_size is not None
        log_p_PV = token_log_p(logits)
        mass_P = log_p_PV[:, -1 - self.codebook_size : -1].logsumexp(1)
        excess_P = torch.expm1(mass_P)  # Z - 1
        if self.score_scale == "paper":
            excess_P = excess_P / corrupted.alpha.clamp(min=LEAST_ALPHA)[logits.generation]
        return weight_P * (nats_P + excess_P)

    def _is_code(self, logits: Logits) -> Tensor:
        """Which targets are image codes, not soi or eoi, bool (P,)."""
        if not self.full:
            return logits.target >= 0
        assert self.codebook_size is not None
        return logits.target >= logits.values.shape[1] - 1 - self.codebook_size

    def _parts(self, mask: Tensor, score: Tensor, alpha: float) -> dict[str, Tensor]:
        parts = {"mask": mask.detach(), "score": score.detach()}
        parts["ratio"] = parts["score"] / parts["mask"].clamp(min=1e-12)
        if not self._shown and torch.is_grad_enabled():
            self._first = parts["ratio"], alpha
        return parts

    def on_train_batch_end(self, *args: Any) -> None:
        """Logs the ratio of score and mask term once, after the first batch."""
        if self._first is None or self._shown:
            return
        ratio, alpha = float(self._first[0]), self._first[1]
        self._first, self._shown = None, True
        if self.mask_weight:
            share = alpha * ratio / self.mask_weight
            rank_zero_info(f"d3diff: score / mask = {ratio:.4g}; with their weights the ratio is {share:.3g}")

    def on_train_start(self, trainer: pl.Trainer, *args: Any) -> None:
        """Prevents a resumed run from logging the ratio again."""
        self._shown = trainer.global_step > 0


def masked_span(sequence: TokenSequence) -> Tensor:
    """Masked image tokens, soi and eoi of T2I samples, bool (B, L); positions of a `LogitsSpec`."""
    return masked_image(sequence) | (image_span(sequence) & ~image(sequence))


def _check(chosen: Mapping[str, str], factors: Mapping[str, float], codebook_size: int | None) -> None:
    for key, value in chosen.items():
        if value not in CHOICES[key]:
            raise ConfigError(f"loss.d3diff.{key}={value!r}: it must be {' or '.join(CHOICES[key])}")
    for key, factor in factors.items():
        if factor < 0:
            raise ConfigError(f"loss.d3diff.{key}={factor}: it must be 0 or more")
    if chosen["vocabulary"] == "full" and codebook_size is None:
        raise ConfigError("loss.d3diff.vocabulary=full needs loss.d3diff.codebook_size")
    if chosen["vocabulary"] != "full" and chosen["positions"] == "image_span":
        raise ConfigError(
            "loss.d3diff.positions=image_span reads soi and eoi, which are not codes: set loss.d3diff.vocabulary=full"
        )
