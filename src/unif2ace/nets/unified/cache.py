"""Keys and values of columns that are computed already, so that decoding computes only new ones.

Letters: B rows, H heads, P columns in the cache, L new ones, C columns for which there is room, d width of a head.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


class LayerCache:
    """Of one layer. It holds no gradient.

    Attributes:
        key: float (B, H, C, d); the first columns are filled.
        value: float (B, H, C, d).
    """

    def __init__(self, key: Tensor, value: Tensor) -> None:
        self.key, self.value = key, value

    def append(self, key_BHLd: Tensor, value_BHLd: Tensor, start: int) -> tuple[Tensor, Tensor]:
        """Writes new columns from `start` on, and gives all up to their end, (B, H, P + L, d) each."""
        end = start + key_BHLd.shape[2]
        if end > self.key.shape[2]:
            room = max(end, 2 * self.key.shape[2])
            self.key, self.value = _grown(self.key, start, room), _grown(self.value, start, room)
        self.key[:, :, start:end] = key_BHLd.detach()
        self.value[:, :, start:end] = value_BHLd.detach()
        return self.key[:, :, :end], self.value[:, :, :end]


class Cache:
    """Of all layers. New columns go behind those that are there.

    Args:
        capacity: Columns to make room for at once; it grows when they do not suffice.
    """

    def __init__(self, capacity: int = 0) -> None:
        self.capacity = capacity
        self.length = 0
        """Columns that it holds, P."""
        self.picture: Tensor | None = None
        """Whitened features of each sequence's picture, float (B, K), see `unif2ace.nets.unified.grounding`."""
        self._layers: list[LayerCache] = []

    @property
    def rows(self) -> int:
        """Rows that it holds, B; 0 while it is empty."""
        return len(self._layers[0].key) if self._layers else 0

    def append(self, layer: int, key_BHLd: Tensor, value_BHLd: Tensor) -> tuple[Tensor, Tensor]:
        """Writes a layer's new columns, and gives all of them, (B, H, P + L, d) each; `advance` makes them count."""
        if layer == len(self._layers):
            rows, heads, length, width = key_BHLd.shape
            shape = rows, heads, max(self.capacity, self.length + length), width
            made = key_BHLd.new_empty(shape), value_BHLd.new_empty(shape)
            self._layers.append(LayerCache(*made))
        return self._layers[layer].append(key_BHLd, value_BHLd, self.length)

    def advance(self, columns: int) -> None:
        """All layers have written so many new columns."""
        self.length += columns

    def snapshot(self) -> int:
        """What `truncate` takes to come back to this state."""
        return self.length

    def truncate(self, length: int) -> None:
        """Forgets all columns from `length` on.

        Raises:
            ValueError: If it holds fewer.
        """
        if not 0 <= length <= self.length:
            raise ValueError(f"a cache of {self.length} columns cannot be cut to {length}")
        self.length = length

    def select(self, rows: Tensor) -> Cache:
        """A cache of some rows, int64 indices or bool (B,)."""
        return self._mapped(lambda x: x[rows])

    def repeat(self, times: int) -> Cache:
        """A cache in which each row stands so many times, one after the other."""
        return self._mapped(lambda x: x.repeat_interleave(times, 0))

    def _mapped(self, function: Callable[[Tensor], Tensor]) -> Cache:
        made = Cache(self.capacity)
        made.length = self.length
        made.picture = None if self.picture is None else function(self.picture)
        for layer in self._layers:
            parts = (function(x[:, :, : self.length]) for x in (layer.key, layer.value))
            made._layers.append(LayerCache(*parts))
        return made


def _grown(old_BHCd: Tensor, filled: int, room: int) -> Tensor:
    rows, heads, _, width = old_BHCd.shape
    new_BHCd = old_BHCd.new_empty(rows, heads, room, width)
    new_BHCd[:, :, :filled] = old_BHCd[:, :, :filled]
    return new_BHCd


def joined(caches: list[Cache]) -> Cache:
    """The rows of several caches of one length in one, such as of prompts with and without a caption.

    Raises:
        ValueError: If their lengths differ.
    """
    lengths = {cache.length for cache in caches}
    if len(lengths) != 1:
        raise ValueError(f"caches of {sorted(lengths)} columns cannot stand in one")
    made = Cache(caches[0].capacity)
    made.length = lengths.pop()
    made.picture = (
        torch.cat([c.picture for c in caches if c.picture is not None]) if caches[0].picture is not None else None
    )
    for layers in zip(*(cache._layers for cache in caches), strict=True):
        parts = (
            torch.cat([x[:, :, : made.length] for x in xs])
            for xs in zip(*((y.key, y.value) for y in layers), strict=True)
        )
        made._layers.append(LayerCache(*parts))
    return made
