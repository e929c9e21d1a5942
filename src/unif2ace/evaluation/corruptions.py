"""Corruptions of pictures at five strengths, to measure how robust captions and answers are."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageFilter

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unif2ace.evaluation.eval_set import EvalSet

CORRUPTIONS = ("occlusion", "low_light", "blur", "jpeg", "low_resolution")
STRENGTHS = (1, 2, 3, 4, 5)
_AREA = (0.05, 0.1, 0.2, 0.3, 0.4)  # share of the picture that a gray square covers
_LIGHT = (0.7, 0.5, 0.3, 0.2, 0.1)  # factor of the pixel values
_RADIUS = (0.01, 0.015, 0.025, 0.04, 0.06)  # standard deviation of the Gaussian, in picture widths
_QUALITY = (50, 30, 15, 8, 4)  # JPEG
_SCALE = (0.75, 0.5, 0.35, 0.25, 0.125)  # side of the small picture over that of the picture


def corrupted(eval_set: EvalSet, name: str, strength: int) -> EvalSet:
    """The evaluation set with corrupted true faces.

    Args:
        eval_set: The evaluation set.
        name: One of `CORRUPTIONS`.
        strength: 1 (weakest) to 5.
    """
    import torch

    pictures = eval_set.images.permute(0, 2, 3, 1).numpy()
    made = [corrupt(pixels, name, strength, key) for pixels, key in zip(pictures, eval_set.keys, strict=True)]
    return replace(eval_set, images=torch.from_numpy(np.stack(made)).permute(0, 3, 1, 2).contiguous())


def corrupt(pixels: NDArray[np.uint8], name: str, strength: int, key: str) -> NDArray[np.uint8]:
    """A corrupted picture.

    Args:
        pixels: uint8 (H, W, 3).
        name: One of `CORRUPTIONS`.
        strength: 1 (weakest) to 5.
        key: Key of the sample. It seeds the centre of an occlusion, which is the same for all strengths.

    Returns:
        uint8 (H, W, 3).
    """
    level, (height, width) = strength - 1, pixels.shape[:2]
    picture = Image.fromarray(pixels)
    if name == "occlusion":
        rng = np.random.default_rng(int.from_bytes(hashlib.sha256(key.encode()).digest()[:8]))
        y, x = (rng.uniform(0.25, 0.75, 2) * (height, width)).astype(int)
        side = round((_AREA[level] * height * width) ** 0.5)
        covered = pixels.copy()
        covered[max(0, y - side // 2) : y + (side + 1) // 2, max(0, x - side // 2) : x + (side + 1) // 2] = 128
        return covered
    if name == "low_light":
        return np.asarray((pixels * _LIGHT[level]).round(), np.uint8)
    if name == "blur":
        return np.array(picture.filter(ImageFilter.GaussianBlur(_RADIUS[level] * width)))
    if name == "jpeg":
        data = io.BytesIO()
        picture.save(data, "JPEG", quality=_QUALITY[level])
        return np.array(Image.open(data))
    small = (max(1, round(width * _SCALE[level])), max(1, round(height * _SCALE[level])))
    return np.array(picture.resize(small, Image.Resampling.BOX).resize((width, height), Image.Resampling.BICUBIC))
