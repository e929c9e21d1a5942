"""Small sequences of both tasks."""

from __future__ import annotations

import torch
from mixed_sequences import stack
from torch import Tensor, nn

from unif2ace.sequence.sequence_layout import SequenceLayout
from unif2ace.sequence.vocabulary import Vocabulary
from unif2ace.types import RouterStats, SequenceParts, Task, TokenSequence

VOCABULARY = Vocabulary(text_size=20, codebook_size=8, bos_id=0, eos_id=0)
GEN, UND = Task.TEXT_TO_IMAGE, Task.UNDERSTANDING


def sequence_of(gen: int = 2, und: int = 2, tokens: int = 4) -> TokenSequence:
    """Rows of both tasks with texts of different lengths, so that there is padding on both sides."""
    layout, parts = SequenceLayout(VOCABULARY, max_text=16), []
    if gen:
        codes = torch.arange(gen * tokens).view(gen, tokens) % 8
        texts, lengths = torch.arange(gen * 5).view(gen, 5) % 20, torch.arange(gen) % 4 + 1
        parts.append(layout.text_to_image(texts, lengths, codes, codes))
    if und:
        codes = (torch.arange(und * tokens).view(und, tokens) + 3) % 8
        texts, lengths = torch.arange(und * 4).view(und, 4) % 20, torch.arange(und) % 3 + 1
        parts.append(layout.understanding(codes, texts, lengths, texts, 4 - lengths))
    return parts[0] if len(parts) == 1 else stack(*parts, VOCABULARY)


def apply(layer: nn.Module, x_BLD: Tensor, sequence: TokenSequence, *others) -> tuple[Tensor, RouterStats | None]:
    """The output of an expert layer for one rectangle of sequences, (B, L, D), and its statistics."""
    y_TD, stats = layer(x_BLD.flatten(0, 1), SequenceParts.of(sequence), *others)
    return y_TD.view(x_BLD.shape), stats
