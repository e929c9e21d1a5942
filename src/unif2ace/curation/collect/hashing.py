"""Perceptual hashes of faces, and the near-duplicates among them. Needs ``dhash``. Shapes: N faces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unif2ace.errors import ConfigError

BITS = 128
_ROWS = 64  # compared with all others at once


def face_hash(pixels: NDArray[np.uint8]) -> str:
    """128 bits as 32 hexadecimal characters: whether each of 8 x 8 regions is brighter than its neighbours.

    Args:
        pixels: RGB, uint8 (H, W, 3).
    """
    rows, columns = _dhash().dhash_row_col(Image.fromarray(pixels))
    return f"{rows:016x}{columns:016x}"


def near_duplicates(hashes: Sequence[str], limit: int, held_out: Sequence[str] = ()) -> dict[int, tuple[str, int, int]]:
    """Indices of the faces to leave out: those that are near a face of the held-out set, or near a kept earlier face.

    Args:
        hashes: N hashes.
        limit: Largest number of bits in which near-duplicates differ.
        held_out: Hashes of faces that must not be in the set.

    Returns:
        For each such index the kind, ``held_out`` or ``duplicate``, the index of the other face in its list, and the
        number of bits in which they differ.
    """
    found: dict[int, tuple[str, int, int]] = {}
    codes = _words(hashes)
    for new, old, bits in _near(codes, _words(held_out), limit):
        found.setdefault(new, ("held_out", old, bits))
    for new, old, bits in _near(codes, codes, limit):
        if old < new and new not in found and old not in found:
            found[new] = ("duplicate", old, bits)
    return found


def _words(hashes: Sequence[str]) -> NDArray[np.uint64]:
    """The hashes as uint64 (N, 2)."""
    return np.array([[int(h[:16], 16), int(h[16:], 16)] for h in hashes], np.uint64).reshape(-1, 2)


def _near(new: NDArray[np.uint64], old: NDArray[np.uint64], limit: int) -> Iterator[tuple[int, int, int]]:
    """Pairs (index in `new`, index in `old`, different bits), sorted by the first and then the second."""
    for start in range(0, len(new) if len(old) else 0, _ROWS):
        rows = new[start : start + _ROWS, None]
        bits = sum(np.bitwise_count(rows[..., word] ^ old[None, :, word]) for word in (0, 1))  # uint8, up to 128
        for row, column in np.argwhere(bits <= limit).tolist():
            yield start + row, column, int(bits[row, column])


def _dhash() -> Any:
    try:
        return import_module("dhash")
    except ImportError as error:
        raise ConfigError(
            "duplicates needs a package: pip install dhash, or install unif2ace[collect]; duplicates=null keeps all"
        ) from error
