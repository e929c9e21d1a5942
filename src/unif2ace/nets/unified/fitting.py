"""Vectors of words, fitted to what questions tell, before a network is trained. P contrasts, N faces, T ids of a text.

Questions ask for one thing each, and their answers are known; captions leave out most, and say "no glasses" too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from unif2ace.nets.unified.grounding import WordStatistics, WordVectors
from unif2ace.types import Contrasts

PASSES, ROWS, RATE = 4, 512, 0.01


class Described(NamedTuple):
    """Some faces with what is said of them; N faces, F features, T ids.

    Attributes:
        ids: int64 (N, T), captions, padded at the end.
        length: int64 (N,), their numbers of ids.
        features: float32 (N, F), of the pictures.
        known: bool (N,), which of the faces have features and a caption.
    """

    ids: Tensor
    length: Tensor
    features: Tensor
    known: Tensor


def ground_words(
    faces: Iterable[Described], told: Contrasts, *, text_size: int, features: int, directions: int
) -> WordVectors:
    """What captions and questions tell of words.

    Args:
        faces: In the order in which the questions number them.
        told: What questions tell of the same faces.
        text_size: V.
        features: F.
        directions: K.
    """
    statistics, seen = WordStatistics(text_size, features), list[Described]()
    for some in faces:
        statistics.add(some.ids[some.known], some.length[some.known], some.features[some.known])
        seen.append(some)
    features_NF, known_N = torch.cat([some.features for some in seen]), torch.cat([some.known for some in seen])
    return fit_words(statistics.vectors(directions), features_NF, known_N, told)


@torch.enable_grad()
def fit_words(
    vectors: WordVectors, features_NF: Tensor, known_N: Tensor, told: Contrasts, seed: int = 0
) -> WordVectors:
    r"""Vectors after a few passes of logistic regression.

    A text fits a face by :math:`s = \sum_i \langle w_i, z \rangle + b_i` over its words, with z what is seen of the
    face; of two texts of a contrast the first shall fit better: the mean of :math:`\log(1 + e^{s_2 - s_1})` is
    minimised (Adam, from the vectors given). A question of yes or no stands against nothing, which fits by 0, so s is
    the logarithm of the odds of a yes; of two answers s is told up to what a question adds to all its answers.

    Args:
        vectors: Where to start from.
        features_NF: Of the faces' pictures.
        known_N: bool, which faces have features; contrasts of others are left out.
        told: What questions tell.
        seed: Of the order.
    """
    kept_P = known_N[told.place]
    if not kept_P.any():
        return vectors
    place_P, fits_PT, misfits_PT = (x[kept_P] for x in (told.place, told.fits, told.misfits))
    seen_NK = functional.pad(vectors.seen(features_NF), (0, 1), value=1.0)  # the last is what a word says of any face
    start_VK = torch.cat([vectors.words, vectors.bias[:, None]], 1)
    table_VK = functional.pad(start_VK, (0, 0, 0, 1)).requires_grad_()  # one row more, of padding
    optimizer = torch.optim.Adam([table_VK], lr=RATE, eps=1e-6)  # rounding alone moves nothing
    falling = torch.optim.lr_scheduler.PolynomialLR(optimizer, PASSES * -(-len(place_P) // ROWS))
    order = torch.Generator().manual_seed(seed)
    for _ in range(PASSES):
        for p in torch.split(torch.randperm(len(place_P), generator=order), ROWS):
            better_PK = _sum(table_VK, fits_PT[p]) - _sum(table_VK, misfits_PT[p])
            loss = functional.softplus(-(better_PK * seen_NK[place_P[p]]).sum(1)).mean()
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            falling.step()
    found_VK = table_VK.detach()[:-1]
    return replace(vectors, words=found_VK[:, :-1].contiguous(), bias=found_VK[:, -1].contiguous())


def _sum(table_VK: Tensor, ids_PT: Tensor) -> Tensor:
    """Rows of each text's ids together, (P, K)."""
    padding = len(table_VK) - 1
    ids_PT = functional.pad(ids_PT, (0, 1), value=-1)  # no text may have no columns
    return functional.embedding_bag(ids_PT % len(table_VK), table_VK, mode="sum", padding_idx=padding)
