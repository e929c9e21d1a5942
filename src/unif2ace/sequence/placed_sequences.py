"""The sequences of a batch, with the sample of each sequence.

Shapes: B samples, T tokens of all sequences, R sequences of a part, L positions of a part, P tokens at which logits are
read, V ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from unif2ace.types import Logits, LogitsSpec, SequenceParts, joined


@dataclass(frozen=True)
class PlacedSequences:
    """Sequences in parts, with the sample of each sequence.

    Attributes:
        sequences: The sequences.
        samples: For each part, int64 (R,): index in the batch of the sample of each sequence.
    """

    sequences: SequenceParts
    samples: tuple[Tensor, ...]

    def read(self, specs: Sequence[LogitsSpec], valid_B: Tensor) -> list[Tensor]:
        """For each spec, the indices of the tokens at which it reads logits, int64 (P,) in [0, T); valid samples only.

        Args:
            specs: Specs of the losses.
            valid_B: bool (B,), see `Batch.valid`.
        """
        rows = [*zip(self.sequences.parts, self.samples, strict=True)]
        return [
            joined([(spec.positions(part) & valid_B[own][:, None]).flatten() for part, own in rows]).nonzero()[:, 0]
            for spec in specs
        ]

    def logits(self, token_P: Tensor, values_PV: Tensor, bounds: tuple[int, int]) -> Logits:
        """Combines logits with the sample, sequence, position and target of each token.

        Args:
            token_P: int64 (P,), indices of the tokens, in [0, T).
            values_PV: float (P, V), logits over a slice of the vocabulary.
            bounds: First id of the slice (inclusive), and end of the slice (exclusive).
        """
        first, end = bounds
        target_T = self.sequences.tokens("target")
        target_P = target_T[token_P]
        starts_P = target_T[(token_P - 1).clamp(min=0)] < 0
        target_P = torch.where((target_P >= first) & (target_P < end), target_P - first, -100)
        sample_T, row_T, place_T = self._places
        return Logits(sample_T[token_P], values_PV, target_P, row_T[token_P], place_T[token_P], starts_P)

    @cached_property
    def _places(self) -> tuple[Tensor, Tensor, Tensor]:
        """For each token: sample, index of its sequence, and offset from the first image token, int64 (T,) each."""
        found = []
        for part, sample_R in zip(self.sequences.parts, self.samples, strict=True):
            rows, length = part.ids.shape
            row_R1 = torch.arange(rows, device=sample_R.device)[:, None]
            place_1L = torch.arange(length, device=sample_R.device)[None]
            start_R1 = row_R1.new_full((rows, 1), length) if part.image_start is None else part.image_start[:, None]
            each = sample_R[:, None], row_R1, place_1L - start_R1
            found.append([x.expand(rows, length).flatten() for x in each])
        sample_T, row_T, place_T = (joined(x) for x in zip(*found, strict=True))
        return sample_T, row_T, place_T
