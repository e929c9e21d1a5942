"""The pictures that metrics compare: B valid rows, H x W pixels."""

from __future__ import annotations

from torch import Tensor

from unif2ace.nets.tokenizer.base import to_uint8
from unif2ace.types import StepOutput


def picture_pairs(step: StepOutput) -> tuple[Tensor, Tensor]:
    """The valid rows' pictures as stored, and their reconstructions, clamped and rounded as they would be stored.

    Args:
        step: With pictures and a reconstruction.

    Returns:
        uint8 (B, 3, H, W) each; B may be 0.
    """
    assert step.batch.image is not None
    assert step.reconstruction is not None
    valid = step.batch.valid
    return step.batch.image[valid], to_uint8(step.reconstruction.detach()[valid])
