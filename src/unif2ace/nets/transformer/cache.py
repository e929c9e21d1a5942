"""Key-value cache, so that decoding computes only new positions.

Shapes: B sequences, H key-value heads, P cached positions, L new positions, C allocated positions, d width of a head.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


class LayerCache:
    """Keys and values of one layer, without gradient.

    Attributes:
        key: float (B, H, C, d); only the first P positions are filled.
        value: float (B, H, C, d), values of the same positions.
    """

    def __init__(self, key: Tensor, value: Tensor) -> None:
        self.key, self.value = key, value

    def append(self, key_BHLd: Tensor, value_BHLd: Tensor, start: int) -> tuple[Tensor, Tensor]:
        """Writes new positions (B, H, L, d) from `start` on; returns all keys and values, (B, H, P + L, d) each."""
        end = start + key_BHLd.shape[2]
        if end > self.key.shape[2]:
            room = max(end, 2 * self.key.shape[2])
            self.key, self.value = _grown(self.key, start, room), _grown(self.value, start, room)
        self.key[:, :, start:end] = key_BHLd.detach()
        self.value[:, :, start:end] = value_BHLd.detach()
        return self.key[:, :, :end], self.value[:, :, :end]


class Cache:
    """Keys and values of all layers. New positions are appended.

    Args:
        capacity: Number of positions to allocate initially; the cache grows as needed.
    """

    def __init__(self, capacity: int = 0) -> None:
        self.capacity = capacity
        self.length = 0
        """Number of cached positions, P."""
        self.picture: Tensor | None = None
        """Whitened features of each sequence's image, float (B, K), see `unif2ace.nets.transformer.grounding`."""
        self._layers: list[LayerCache] = []

    @property
    def rows(self) -> int:
        """Number of cached sequences, B; 0 while the cache is empty."""
        return len(self._layers[0].key) if self._layers else 0

    def append(self, layer: int, key_BHLd: Tensor, value_BHLd: Tensor) -> tuple[Tensor, Tensor]:
        """Writes a layer's new positions (B, H, L, d); returns the layer's cached keys and values, (B, H, P + L, d)
        each.

        Call `advance` once all layers have written.
        """
        if layer == len(self._layers):
            rows, heads, length, width = key_BHLd.shape
            shape = rows, heads, max(self.capacity, self.length + length), width
            made = key_BHLd.new_empty(shape), value_BHLd.new_empty(shape)
            self._layers.append(LayerCache(*made))
        return self._layers[layer].append(key_BHLd, value_BHLd, self.length)

    def advance(self, columns: int) -> None:
        """Increases the length by `columns`, after all layers have written that many positions."""
        self.length += columns

    def snapshot(self) -> int:
        """The current length; `truncate` with this argument restores the current state."""
        return self.length

    def truncate(self, length: int) -> None:
        """Drops all positions from `length` on.

        Raises:
            ValueError: If the cache holds fewer than `length` positions.
        """
        if not 0 <= length <= self.length:
            raise ValueError(f"a cache of {self.length} positions cannot be truncated to {length}")
        self.length = length

    def select(self, rows: Tensor) -> Cache:
        """A cache of the selected sequences; `rows` are int64 indices or bool (B,)."""
        return self._mapped(lambda x: x[rows])

    def repeat(self, times: int) -> Cache:
        """A cache in which each sequence is repeated `times` times, consecutively."""
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
    """Concatenates caches of equal length along the batch axis, such as those of prompts with and without a caption.

    Raises:
        ValueError: If the lengths differ.
    """
    lengths = {cache.length for cache in caches}
    if len(lengths) != 1:
        raise ValueError(f"caches of {sorted(lengths)} positions cannot be concatenated: give caches of equal length")
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
