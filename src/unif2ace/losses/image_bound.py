"""What the losses share whose value is a likelihood bound of image tokens. G rows, N tokens, P of them are read."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from unif2ace.diffusion.likelihood import place_of_rows
from unif2ace.losses.base import LossCallback
from unif2ace.types import CorruptedTokens, Logits, LossTerm, Reading, StepOutput, TokenSequence


class ImageBoundLoss(LossCallback, ABC):
    """A sum over image tokens, divided by all image tokens of the rows that generate: nats per image token.

    Corrupted or not, a row counts N, so the value is that of any other bound, and accumulation and ranks are exact.
    """

    needs = "unified"
    maskings = frozenset({"bernoulli"})
    is_bound = True
    reading: Reading
    """The only one it has."""

    @abstractmethod
    def of_tokens(self, logits: Logits, noised: CorruptedTokens, place_P: Tensor, sequence: TokenSequence) -> Tensor:
        """What each token adds, float (P,).

        Args:
            logits: Of `reading`.
            noised: The rows that generate.
            place_P: int64, each token's place among them.
            sequence: Says where the tokens stand.
        """

    def compute(self, step: StepOutput) -> LossTerm:
        """The sum over tokens of valid rows, and their number, N a row; see `LossCallback.compute`."""
        assert step.unified is not None
        logits, noised = step.unified.logits[self.reading], step.unified.noised
        if noised is None:
            return LossTerm(logits.values.sum() * 0, logits.values.new_zeros(()))
        values_P = self.of_tokens(logits, noised, place_of_rows(logits, noised), step.unified.sequence)
        valid = step.batch.valid
        count = valid[noised.row].sum() * noised.x0.shape[1]
        return LossTerm(torch.where(valid[logits.row], values_P, 0).sum(), count.float())


def codes_of_tokens(codes_GN: Tensor, logits: Logits, place_P: Tensor, sequence: TokenSequence) -> Tensor:
    """The codes at the columns of some logits, int64 (P,), from those of whole pictures."""
    assert sequence.image_start is not None
    return codes_GN[place_P, logits.column - sequence.image_start[logits.row]]
