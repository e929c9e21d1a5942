"""The image pairs that metrics compare. Shapes: B valid samples, H x W pixels."""

from __future__ import annotations

from torch import Tensor

from unif2ace.nets.tokenizer.base import to_uint8
from unif2ace.types import StepOutput


def picture_pairs(step: StepOutput) -> tuple[Tensor, Tensor]:
    """Images of the valid samples and their reconstructions, clamped and rounded to uint8.

    Args:
        step: Must hold images and reconstructions.

    Returns:
        uint8 (B, 3, H, W) each; B may be 0.
    """
    assert step.batch.image is not None
    assert step.reconstruction is not None
    valid = step.batch.valid
    return step.batch.image[valid], to_uint8(step.reconstruction.detach()[valid])
