"""Columns at which losses read logits: functions of a sequence, to bool (B, L)."""

from __future__ import annotations

from torch import Tensor

from unif2ace.types import Role, Task, TokenSequence


def image(sequence: TokenSequence) -> Tensor:
    """Image tokens of the rows that generate."""
    return (sequence.role == Role.IMAGE) & (sequence.task == Task.TEXT_TO_IMAGE)[:, None]


def masked_image(sequence: TokenSequence) -> Tensor:
    """Those of them that differ from the clean token: the masked ones, of an absorbing process."""
    assert sequence.target is not None
    return image(sequence) & (sequence.ids != sequence.target)


def image_span(sequence: TokenSequence) -> Tensor:
    """Image tokens of the rows that generate, with soi and eoi."""
    inside = (sequence.role >= Role.SOI) & (sequence.role <= Role.EOI)
    return inside & (sequence.task == Task.TEXT_TO_IMAGE)[:, None]


def answer(sequence: TokenSequence) -> Tensor:
    """Columns of MMU rows whose next token must be predicted."""
    assert sequence.target is not None
    return (sequence.target >= 0) & (sequence.task == Task.UNDERSTANDING)[:, None]
