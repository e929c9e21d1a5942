"""Functions that select the positions at which losses read logits: from a sequence to bool (B, L)."""

from __future__ import annotations

from torch import Tensor

from unif2ace.types import Role, Task, TokenSequence


def image(sequence: TokenSequence) -> Tensor:
    """Image tokens of T2I sequences, bool (B, L)."""
    return (sequence.role == Role.IMAGE) & (sequence.task == Task.TEXT_TO_IMAGE)[:, None]


def masked_image(sequence: TokenSequence) -> Tensor:
    """Corrupted image tokens of T2I sequences, bool (B, L): the masked ones for an absorbing forward process."""
    assert sequence.target is not None
    return image(sequence) & (sequence.ids != sequence.target)


def image_span(sequence: TokenSequence) -> Tensor:
    """Image tokens, soi and eoi of T2I sequences, bool (B, L)."""
    inside = (sequence.role >= Role.SOI) & (sequence.role <= Role.EOI)
    return inside & (sequence.task == Task.TEXT_TO_IMAGE)[:, None]


def answer(sequence: TokenSequence) -> Tensor:
    """Positions of MMU sequences with a next-token target, bool (B, L)."""
    assert sequence.target is not None
    return (sequence.target >= 0) & (sequence.task == Task.UNDERSTANDING)[:, None]
