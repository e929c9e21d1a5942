"""Sequences of both tasks in one rectangle, as the network also takes them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from unif2ace.sequence.attention import omni_attention
from unif2ace.sequence.sequence_layout import IGNORE
from unif2ace.sequence.vocabulary import Vocabulary
from unif2ace.types import Role, Task, TokenSequence


def stack(above: TokenSequence, below: TokenSequence, vocabulary: Vocabulary) -> TokenSequence:
    """Concatenates two sequences along the batch axis, (B, L); T2I is padded further on the left, MMU on the right."""
    length = max(above.ids.shape[1], below.ids.shape[1])
    a, b = (_padded(s, length, vocabulary.special("pad")) for s in (above, below))
    parts: dict[str, Any] = {
        name: torch.cat([getattr(a, name), getattr(b, name)])
        for name in ("ids", "role", "task", "position", "attention", "image_start", "target", "visible")
    }
    return replace(a, **parts)


def _padded(sequence: TokenSequence, length: int, pad_id: int) -> TokenSequence:
    missing = length - sequence.ids.shape[1]
    if not missing:
        return sequence
    assert sequence.target is not None
    assert sequence.image_start is not None
    assert sequence.attention is not None
    left = bool(sequence.task[0] == Task.TEXT_TO_IMAGE)
    sides = (missing, 0) if left else (0, missing)
    pad = torch.nn.functional.pad
    role = pad(sequence.role, sides, value=int(Role.PAD))
    attention = omni_attention(role, sequence.task)
    position = torch.arange(length, device=role.device).expand(len(role), length)
    if not left:  # questions of one sequence stay isolated
        own = length - missing
        attention[:, :, :own, :own] = sequence.attention
        position = torch.cat([sequence.position, position[:, own:]], 1)
    return replace(
        sequence,
        ids=pad(sequence.ids, sides, value=pad_id),
        role=role,
        position=position,
        attention=attention,
        target=pad(sequence.target, sides, value=IGNORE),
        image_start=sequence.image_start + (missing if left else 0),
    )
