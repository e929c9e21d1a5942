"""Colours of the synthetic faces, float32 (3,) in linear light: red, green and blue from 0 to 1."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Colour = NDArray[np.float32]


def linear(code: str) -> Colour:
    """Converts a six-digit sRGB hex code to linear light, float32 (3,), with exponent 2.2."""
    srgb = np.array([int(code[i : i + 2], 16) for i in (0, 2, 4)], np.float32) / np.float32(255)
    return np.asarray(srgb ** np.float32(2.2), np.float32)


def _table(codes: dict[str, str]) -> dict[str, Colour]:
    return {name: linear(code) for name, code in codes.items()}


SKIN: Final = _table({"pale": "f1d3c4", "fair": "e9b995", "olive": "d6a579", "brown": "a06a45", "dark": "6b412e"})
HAIR: Final = _table({"black": "252020", "brown": "5f3b25", "blond": "d2a85e", "red": "a8481e", "gray": "a9a9aa"})
EYES: Final = _table({"brown": "5f3817", "green": "4f8a4a", "blue": "4788c4", "gray": "8b9aa4"})
CLOTH: Final = _table(
    {
        "red": "b3262d",
        "blue": "2f56a6",
        "green": "2f7a48",
        "black": "232327",
        "white": "e9e7e2",
        "yellow": "dcae33",
        "purple": "6f3f96",
        "gray": "7f838a",
    }
)
LIPSTICK: Final = _table({"red": "b8101f", "pink": "e2557c", "plum": "6a1c44"})
FRAMES: Final = np.stack([linear(c) for c in ("1d1a1a", "4a2c1a", "30363d", "c3a25a")])
BACKDROPS: Final = np.stack(
    [
        linear(c)
        for c in ("9fb4c4", "c9b8a3", "a9b59a", "c6a7a7", "8e97b5", "d6d2c8", "b59fbf", "94b0ab", "e0c48f", "6f8796")
    ]
)
HATS: Final = np.stack(
    [linear(c) for c in ("b3262d", "2f56a6", "2f7a48", "232327", "d9d2c4", "c99a2b", "6f3f96", "6b6e75")]
)
MASKS: Final = np.stack([linear(c) for c in ("8fb9d8", "e8ecef", "2b2d33", "d9a7b4")])
TIES: Final = np.stack([linear(c) for c in ("8c1c2a", "1f3566", "1d1d22", "2f6a4a", "6a2f66")])
SHADOWS: Final = np.stack([linear(c) for c in ("6b3a66", "7a4a24", "34508c", "2f6a66")])
SUIT: Final = np.stack([linear(c) for c in ("e9e7e2", "c9d6e6")])
WHITE: Final = np.ones(3, np.float32)
INK: Final = linear("1a1210")
