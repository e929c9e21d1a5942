"""Perceptual hashes of N faces, and the search for near-duplicates. Needs the package ``dhash``."""

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
    """Difference hash: 128 bits as 32 hexadecimal characters.

    Each bit compares the brightness of one of 8 x 8 regions with its right or lower neighbour.

    Args:
        pixels: RGB face, uint8 (H, W, 3).
    """
    rows, columns = _dhash().dhash_row_col(Image.fromarray(pixels))
    return f"{rows:016x}{columns:016x}"


def near_duplicates(hashes: Sequence[str], limit: int, held_out: Sequence[str] = ()) -> dict[int, tuple[str, int, int]]:
    """Finds the faces to leave out: near-duplicates of a held-out face or of an earlier kept face.

    Args:
        hashes: N hashes.
        limit: Two faces are near-duplicates if their hashes differ in at most this number of bits.
        held_out: Hashes of faces that must not be in the data set.

    Returns:
        By index of the face to leave out: its kind, the index of its duplicate, and the number of different bits. The
        kind is ``held_out`` (the second index refers to `held_out`) or ``duplicate`` (it refers to `hashes`).
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
    """Hexadecimal hashes as two 64-bit words each, uint64 (N, 2)."""
    return np.array([[int(h[:16], 16), int(h[16:], 16)] for h in hashes], np.uint64).reshape(-1, 2)


def _near(new: NDArray[np.uint64], old: NDArray[np.uint64], limit: int) -> Iterator[tuple[int, int, int]]:
    """Yields (index in `new`, index in `old`, different bits) of near-duplicates, sorted by both indices."""
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
            "duplicates: the package dhash is not installed; pip install dhash or 'unif2ace[collect]', or give "
            "duplicates=null to keep near-duplicates"
        ) from error
