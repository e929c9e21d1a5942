"""Next-token prediction of the answers."""

from __future__ import annotations

from typing import Literal

import torch

from unif2ace.diffusion.likelihood import token_nats
from unif2ace.errors import ConfigError
from unif2ace.losses.base import LossCallback
from unif2ace.sequence.positions import answer
from unif2ace.types import LogitsSpec, LossTerm, StepOutput


class ARLoss(LossCallback):
    r"""Cross-entropy of the answer tokens and the end token given all earlier tokens, in nats per token.

    Formula: :math:`-\sum_i \log p(y_i | y_{<i}, prompt, image)`, divided by the number of targets, so a long answer
    counts more than a short one. Under accumulation each micro-batch divides by its own number of targets. The first
    token of every answer has weight w, all other tokens have weight 1. A larger w helps if the first token decides the
    answer, such as "yes" or "no".

    Args:
        weight: Factor of the term.
        first_token_weight: w, above 0; with any value but 1 the loss is not a likelihood bound.
        vocabulary: ``text``, or ``full`` for a softmax over image codes and special tokens too, as in Show-o.

    Raises:
        ConfigError: If the vocabulary is unknown, or w is not above 0.
    """

    name = "ar"
    needs = "unified"

    def __init__(
        self, weight: float = 1.0, vocabulary: Literal["text", "full"] = "text", first_token_weight: float = 1.0
    ) -> None:
        super().__init__(weight)
        if not first_token_weight > 0:
            raise ConfigError(
                f"loss.ar.first_token_weight={first_token_weight}: it must be above 0; 1 weights all tokens alike"
            )
        self.first_token_weight, self.is_bound = first_token_weight, first_token_weight == 1
        if vocabulary not in ("text", "full"):
            raise ConfigError(f"loss.ar.vocabulary={vocabulary!r}: it must be text or full")
        self.logits_spec = LogitsSpec(answer, vocabulary)
        self.reads = frozenset({self.logits_spec})

    def compute(self, step: StepOutput) -> LossTerm:
        """The sum over the targets of valid samples; see `LossCallback.compute`."""
        assert step.unified is not None
        logits = step.unified.logits[self.logits_spec]
        counts_P = step.batch.valid[logits.sample] & (logits.target >= 0)
        weight_P = counts_P.float()
        if self.first_token_weight != 1:
            assert logits.first is not None
            weight_P = torch.where(logits.first, self.first_token_weight, 1.0) * weight_P
        nats_P = torch.where(counts_P, token_nats(logits), 0)  # values that do not count may be infinite
        return LossTerm((weight_P.to(nats_P.dtype) * nats_P).sum(), weight_P.sum().float())
