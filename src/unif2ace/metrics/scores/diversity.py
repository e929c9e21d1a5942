"""Within-prompt diversity: how much faces of the same prompt differ. Shapes: P prompts, K seeds, D dimensions."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from unif2ace.metrics.scores.bootstrap import Score, bootstrap


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
    """Diversity by Euclidean distance divided by sqrt(D); for pixels this is the root mean square difference.

    Args:
        faces_PKD: float (P, K, D), pixels or features of faces; at least two prompts with at least two faces each.
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


def diversity_score(faces_PKD: Tensor, *, resamples: int = 1000, seed: int = 0) -> Score:
    """The ratio of `diversity` with its bootstrap interval over prompts.

    Args:
        faces_PKD: As in `diversity`.
        resamples: Number of bootstrap resamples; 0 for no interval.
        seed: Seed of the resamples.
    """
    prompts, seeds, _ = faces_PKD.shape
    flat = faces_PKD.flatten(0, 1).double().cpu()
    distance = torch.cdist(flat, flat, compute_mode="donot_use_mm_for_euclid_dist")
    sums_PP = distance.reshape(prompts, seeds, prompts, seeds).sum((1, 3))
    within_P, between_PP = sums_PP.diagonal() / (seeds * (seeds - 1)), sums_PP / seeds**2

    def ratio(times_RP: Tensor) -> Tensor:
        """The ratio if prompt p occurs times_RP[:, p] times; a prompt is not compared with its own copies."""
        within_R = times_RP @ within_P / times_RP.sum(1)
        pairs_R = times_RP.sum(1) ** 2 - times_RP.square().sum(1)
        all_R = ((times_RP @ between_PP) * times_RP).sum(1) - times_RP.square() @ between_PP.diagonal()
        return torch.where((pairs_R > 0) & (all_R > 0), within_R / (all_R / pairs_R), torch.nan)

    found = bootstrap(torch.eye(prompts, dtype=torch.float64), ratio, resamples, seed)
    return found._replace(value=diversity(faces_PKD).ratio)
