"""Base class of losses that bound the likelihood of image tokens.

Shapes: G T2I samples, N image tokens, P predicted tokens, K codes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from unif2ace.losses.base import LossCallback
from unif2ace.types import CorruptedTokens, Logits, LogitsSpec, LossTerm, StepOutput


class NELBOLoss(LossCallback, ABC):
    """A sum over image tokens, divided by the number of all image tokens of T2I samples: nats per image token.

    Each sample counts N tokens, corrupted or not. The value is therefore comparable with other bounds. Several ranks
    give the whole batch's value, and so does accumulation if micro-batches have equally many T2I samples.
    """

    needs = "unified"
    maskings = frozenset({"bernoulli"})
    is_bound = True
    logits_spec: LogitsSpec
    """The only `LogitsSpec` that the loss reads."""

    @abstractmethod
    def of_tokens(self, logits: Logits, corrupted: CorruptedTokens) -> Tensor:
        """Contribution of each token, float (P,), in nats.

        Args:
            logits: Logits of `logits_spec`, over P tokens.
            corrupted: Corrupted codes of the G T2I samples.
        """

    def compute(self, step: StepOutput) -> LossTerm:
        """The sum over tokens of valid samples, divided by N per sample; see `LossCallback.compute`."""
        assert step.unified is not None
        logits, corrupted = step.unified.logits[self.logits_spec], step.unified.corrupted
        if corrupted is None:
            return LossTerm(logits.values.sum() * 0, logits.values.new_zeros(()))
        values_P = self.of_tokens(logits, corrupted)
        valid = step.batch.valid
        count = valid[corrupted.sample].sum() * corrupted.x0.shape[1]
        return LossTerm(torch.where(valid[logits.sample], values_P, 0).sum(), count.float())


def xt_of_tokens(corrupted: CorruptedTokens, logits: Logits) -> Tensor:
    """The corrupted codes of the tokens that `logits` predict, int64 (P,)."""
    return corrupted.xt[logits.generation, logits.image_token]
