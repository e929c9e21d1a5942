"""Scores attributes as a graph of questions, where a child can be right only if its parent is right.

Shapes: S samples, A attributes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from unif2ace.metrics.scores.bootstrap import Score, bootstrap_mean


@dataclass(frozen=True, slots=True)
class GraphScore:
    """Score of S samples.

    Attributes:
        score: Mean over samples of the fraction of questions that are right; a question whose parent is wrong is wrong
            too.
        flat: The same mean without the graph.
        questions: Number of questions.
        samples: Number of samples with a question.
        right: bool (S, A), questions that are right in `score`; False for attributes that are not asked about.
    """

    score: Score
    flat: Score
    questions: int
    samples: int
    right: Tensor


def attribute_graph(
    asked_SA: Tensor, seen_SA: Tensor, parents: Sequence[int | None], *, resamples: int = 1000, seed: int = 0
) -> GraphScore:
    """The dependency-graph score of DPG-Bench (arXiv 2403.05135, section 4), with exact questions.

    Args:
        asked_SA: int8 (S, A), expected answers: 1 present, 0 absent, -1 not asked.
        seen_SA: int8 (S, A) or bool, given answers: 1 present, 0 absent, -1 unknown, which counts as wrong.
        parents: For each attribute the index of its parent, or None. A parent that is not asked about counts as right.
        resamples: Number of bootstrap resamples over samples; 0 for no interval.
        seed: Seed of the resamples.

    Raises:
        ValueError: If the parents form a cycle.
    """
    asked_SA, seen_SA = asked_SA.cpu(), seen_SA.cpu().to(torch.int8)
    is_asked_SA = asked_SA >= 0
    flat_SA = (asked_SA == seen_SA) & is_asked_SA
    holds_SA = flat_SA | ~is_asked_SA
    right_SA = flat_SA.clone()
    for child in range(len(parents)):
        for ancestor in _ancestors(child, parents):
            right_SA[:, child] &= holds_SA[:, ancestor]
    count_S = is_asked_SA.sum(1)
    some_S = count_S > 0
    graph, flat = ((x.sum(1) / count_S.clamp(min=1))[some_S] for x in (right_SA, flat_SA))
    return GraphScore(
        bootstrap_mean(graph, resamples, seed),
        bootstrap_mean(flat, resamples, seed),
        int(count_S.sum()),
        int(some_S.sum()),
        right_SA,
    )


def graph_parents(names: Sequence[str], parent_of: Mapping[str, str]) -> list[int | None]:
    """For each name the index of its parent, or None if the parent is not in `names`.

    Args:
        names: The attributes.
        parent_of: Name of the parent by name of the child.
    """
    places = {name: place for place, name in enumerate(names)}
    return [places.get(parent_of.get(name, "")) for name in names]


def _ancestors(child: int, parents: Sequence[int | None]) -> list[int]:
    found: list[int] = []
    at = parents[child]
    while at is not None:
        if at == child or at in found:
            raise ValueError(f"parents: the ancestors of attribute {child} form a cycle")
        found.append(at)
        at = parents[at]
    return found
