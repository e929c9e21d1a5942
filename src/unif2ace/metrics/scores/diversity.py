"""Within-prompt diversity: how much faces of one prompt differ. Shapes: P prompts, K seeds, D dimensions."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Diversity:
    """Mean distances of pairs of faces.

    Attributes:
        within: Mean distance between faces of the same prompt.
        between: Mean distance between faces of different prompts.
        ratio: `within` / `between`: 0 if a prompt always gives the same face, about 1 if prompts have no effect; NaN
            if all faces are equal.
    """

    within: float
    between: float
    ratio: float


def diversity(faces_PKD: Tensor) -> Diversity:
    """Diversity by the Euclidean distance, divided by the root of D (for pixels: the root mean square difference).

    Args:
        faces_PKD: float (P, K, D), at least two prompts with at least two faces each: pixels, or an evaluator's
            features.
    """
    prompts, seeds, numbers = faces_PKD.shape
    flat = faces_PKD.flatten(0, 1).double().cpu()
    exact = "donot_use_mm_for_euclid_dist"  # equal faces then have distance 0
    distance = torch.cdist(flat, flat, compute_mode=exact) / numbers**0.5
    prompt = torch.arange(prompts).repeat_interleave(seeds)
    same = prompt[:, None] == prompt
    itself = torch.eye(len(flat), dtype=torch.bool)
    within, between = float(distance[same & ~itself].mean()), float(distance[~same].mean())
    return Diversity(within, between, within / between if between > 0 else float("nan"))
