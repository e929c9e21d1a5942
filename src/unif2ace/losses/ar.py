"""Next-token prediction of the answers."""

from __future__ import annotations

from typing import Literal

import torch

from unif2ace.diffusion.likelihood import token_nats
from unif2ace.errors import ConfigError
from unif2ace.losses.base import LossCallback
from unif2ace.sequence.columns import answer
from unif2ace.types import LossTerm, Reading, StepOutput


class ARLoss(LossCallback):
    r"""Cross-entropy of each token of an answer, and of the one that ends it, given all before; nats per such token.

    Formula: :math:`-\sum_i \log p(y_i | y_{<i}, prompt, image)`, divided by the number of targets, so that a long
    answer counts more than a short one. Under accumulation each micro-batch divides by its own number.

    Args:
        weight: Factor of the term.
        vocabulary: ``text``, or ``full`` for a softmax over image codes and special tokens too, as Show-o's.

    Raises:
        ConfigError: If the vocabulary is unknown.
    """

    name = "ar"
    needs = "unified"
    is_bound = True

    def __init__(self, weight: float = 1.0, vocabulary: Literal["text", "full"] = "text") -> None:
        super().__init__(weight)
        if vocabulary not in ("text", "full"):
            raise ConfigError(f"loss.ar.vocabulary={vocabulary!r}: text or full")
        self.reading = Reading(answer, vocabulary)
        self.reads = frozenset({self.reading})

    def compute(self, step: StepOutput) -> LossTerm:
        """Sum over the targets of valid rows; `LossCallback.compute`."""
        assert step.unified is not None
        logits = step.unified.logits[self.reading]
        counts_P = step.batch.valid[logits.row] & (logits.target >= 0)
        return LossTerm(torch.where(counts_P, token_nats(logits), 0).sum(), counts_P.sum().float())
