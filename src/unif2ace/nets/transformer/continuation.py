"""Continues text after a prefix, with or without a cache.

Shapes: B sequences, L positions of the prefix, C branches per sequence, U positions of a branch, D width.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from unif2ace.nets.transformer.cache import Cache
from unif2ace.nets.transformer.unified import UnifiedNet
from unif2ace.sequence.attention import omni_attention
from unif2ace.types import Condition, Role, TokenSequence


class Continuation:
    """Runs the network on a prefix, then on tokens appended to the prefix.

    Args:
        net: The network in evaluation mode.
        prefix: Sequences (B, L), aligned so that all end at the same position.
        conditions: Visual features of the sequences, by name.
        room: Number of positions to reserve for appended tokens.
        cached: Whether to cache keys and values; otherwise every call recomputes whole sequences.
    """

    def __init__(
        self,
        net: UnifiedNet,
        prefix: TokenSequence,
        conditions: Mapping[str, Condition] | None,
        room: int,
        cached: bool = True,
    ) -> None:
        self._net, self._sequence, self._conditions = net, prefix, conditions
        self._cache = Cache(prefix.ids.shape[1] + room) if cached else None
        self._real_BL = torch.cat([prefix.real, prefix.real.new_ones(len(prefix.ids), room)], 1)
        self._padded = not bool(prefix.real.all())
        self._length = prefix.ids.shape[1]
        self._position_B1 = prefix.position[:, -1:]
        self.last_BD = net(prefix, conditions, cache=self._cache).values[:, -1]

    def append(self, ids_B: Tensor) -> None:
        """Appends one token per sequence, int64 (B,); `last_BD` (B, D) then predicts the next."""
        self._position_B1 = self._position_B1 + 1
        self._length += 1
        if self._cache is None:
            self._sequence = _longer(self._sequence, ids_B[:, None])
            self.last_BD = self._net(self._sequence, self._conditions).values[:, -1]
            return
        # None: all earlier positions. Conditions affect image positions only, and there are none.
        seen = self._real_BL[:, None, None, : self._length] if self._padded else None
        role = torch.full_like(ids_B[:, None], Role.ANSWER, dtype=torch.int8)
        column = self._columns(ids_B[:, None], role, self._position_B1, seen)
        self.last_BD = self._net(column, cache=self._cache).values[:, -1]

    def keep(self, place_b: Tensor) -> None:
        """Keeps only some of the sequences, given as int64 (b,) indices into the batch."""
        self._real_BL, self._position_B1 = self._real_BL[place_b], self._position_B1[place_b]
        self.last_BD = self.last_BD[place_b]
        if self._cache is not None:
            self._cache = self._cache.select(place_b)
        if self._conditions is not None:
            self._conditions = {
                name: Condition(c.values[place_b], c.present[place_b]) for name, c in self._conditions.items()
            }
        self._sequence = _rows(self._sequence, place_b)

    def branches(self, ids_BCU: Tensor, real_BCU: Tensor) -> Tensor:
        """Hidden states (B, C, U, D) of C continuations per sequence; continuations do not attend to each other.

        Args:
            ids_BCU: int64 (B, C, U), ids of each continuation.
            real_BCU: bool (B, C, U), False for padding, which is at the end.
        """
        rows, number, width = ids_BCU.shape
        role_BCU = torch.where(real_BCU, Role.ANSWER, Role.PAD).to(torch.int8)
        if self._cache is None:
            hidden = [self._whole(ids_BCU[:, c], role_BCU[:, c]) for c in range(number)]
            return torch.stack(hidden, 1)
        device = ids_BCU.device
        place = torch.arange(number * width, device=device)
        same = place[:, None] // width == place // width
        own = (same & (place <= place[:, None])).expand(rows, 1, -1, -1)
        before = self._real_BL[:, None, None, : self._length].expand(-1, -1, number * width, -1)
        position_BU = self._position_B1 + 1 + place % width
        ids, role = ids_BCU.reshape(rows, -1), role_BCU.reshape(rows, -1)
        part = self._columns(ids, role, position_BU, torch.cat([before, own], -1))
        values: Tensor = self._net(part, cache=self._cache).values
        self._cache.truncate(self._length)
        return values.view(rows, number, width, -1)

    def _whole(self, ids_BU: Tensor, role_BU: Tensor) -> Tensor:
        values: Tensor = self._net(_longer(self._sequence, ids_BU, role_BU), self._conditions).values
        return values[:, -ids_BU.shape[1] :]

    def _columns(self, ids: Tensor, role: Tensor, position: Tensor, attention: Tensor | None) -> TokenSequence:
        s = self._sequence
        return TokenSequence(ids, role, s.task, position, attention, visible=s.visible)


def _longer(sequence: TokenSequence, ids_BU: Tensor, role_BU: Tensor | None = None) -> TokenSequence:
    """Whole sequences with answer positions appended."""
    if role_BU is None:
        role_BU = torch.full_like(ids_BU, Role.ANSWER, dtype=torch.int8)
    role = torch.cat([sequence.role, role_BU], 1)
    after = sequence.position[:, -1:] + 1 + torch.arange(ids_BU.shape[1], device=ids_BU.device)
    return replace(
        sequence,
        ids=torch.cat([sequence.ids, ids_BU], 1),
        role=role,
        position=torch.cat([sequence.position, after], 1),
        attention=omni_attention(role, sequence.task),
    )


def _rows(sequence: TokenSequence, place_b: Tensor) -> TokenSequence:
    kept = {
        name: value[place_b]
        for name in ("ids", "role", "task", "position", "attention", "image_start", "visible")
        if (value := getattr(sequence, name)) is not None
    }
    return replace(sequence, **kept)
