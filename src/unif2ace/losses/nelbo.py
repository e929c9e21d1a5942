"""What the losses share whose value is a likelihood bound of image tokens. G rows, N tokens, P of them are read."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from unif2ace.losses.base import LossCallback
from unif2ace.types import CorruptedTokens, Logits, LogitsSpec, LossTerm, StepOutput


class NELBOLoss(LossCallback, ABC):
    """A sum over image tokens, divided by all image tokens of the rows that generate: nats per image token.

    Corrupted or not, a row counts N, so the value is that of any other bound, and accumulation and ranks are exact.
    """

    needs = "unified"
    maskings = frozenset({"bernoulli"})
    is_bound = True
    logits_spec: LogitsSpec
    """The only one it has."""

    @abstractmethod
    def of_tokens(self, logits: Logits, corrupted: CorruptedTokens) -> Tensor:
        """What each token adds, float (P,), in nats.

        Args:
            logits: Of `logits_spec`.
            corrupted: The samples that generate.
        """

    def compute(self, step: StepOutput) -> LossTerm:
        """The sum over tokens of valid samples, and their number, N a sample; see `LossCallback.compute`."""
        assert step.unified is not None
        logits, corrupted = step.unified.logits[self.logits_spec], step.unified.corrupted
        if corrupted is None:
            return LossTerm(logits.values.sum() * 0, logits.values.new_zeros(()))
        values_P = self.of_tokens(logits, corrupted)
        valid = step.batch.valid
        count = valid[corrupted.sample].sum() * corrupted.x0.shape[1]
        return LossTerm(torch.where(valid[logits.sample], values_P, 0).sum(), count.float())


def xt_of_tokens(corrupted: CorruptedTokens, logits: Logits) -> Tensor:
    """The corrupted codes of the tokens that some logits predict, int64 (P,)."""
    return corrupted.xt[logits.generation, logits.image_token]
