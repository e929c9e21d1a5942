"""Fits vectors of words to captions and questions, before a network is trained.

Captions omit most attributes and contain negations such as "no glasses". Questions complement them: each asks about one
attribute, and its answer is known.

Shapes: P contrasts, N faces, T ids of a text, V text ids, F features, K whitened directions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from unif2ace.nets.transformer.word_vectors import WordVectors
from unif2ace.types import Contrasts

PASSES, ROWS, RATE = 4, 512, 0.01
FLOOR = 0.02
"""Added to the variance of each feature direction before whitening; LayerNorm scales the features to variance 1."""


class WordStatistics:
    r"""Sums over captions and their image features, from which `vectors` are computed.

    Features are whitened in K directions: principal components, each divided by its standard deviation. Let :math:`m_1`
    be the mean of the whitened features over the :math:`n_1` captions that contain a word, and :math:`m_0` the mean
    over the :math:`n_0` others. The vector of the word is

    .. math:: w = (m_1 - m_0)\,\bigl(1 - 1 / \overline{t^2}\bigr)_+, \qquad t = (m_1 - m_0) / \sqrt{1/n_1 + 1/n_0},

    with James-Stein shrinkage (positive part; *Estimation with quadratic loss*, 1961). For a word that is unrelated to
    the image, the mean :math:`\overline{t^2}` over directions is near 1, so w is near 0.

    Args:
        text_size: V.
        features: F.
    """

    def __init__(self, text_size: int, features: int) -> None:
        self.count_V = torch.zeros(text_size, dtype=torch.float64)
        self.sum_VF = torch.zeros(text_size, features, dtype=torch.float64)
        self.sum_F = torch.zeros(features, dtype=torch.float64)
        self.square_FF = torch.zeros(features, features, dtype=torch.float64)
        self.number = 0

    def add(self, ids_NT: Tensor, length_N: Tensor, features_NF: Tensor) -> None:
        """Adds captions to the sums.

        Args:
            ids_NT: int64 (N, T), padded at the end.
            length_N: int64 (N,), number of ids of each caption.
            features_NF: float (N, F), features of their images.
        """
        f_NF = functional.layer_norm(features_NF.double(), features_NF.shape[1:]).cpu()
        inside_NT = torch.arange(ids_NT.shape[1]) < length_N.cpu()[:, None]
        holds_NV = torch.zeros(len(f_NF), len(self.count_V) + 1, dtype=torch.float64)
        holds_NV.scatter_(1, ids_NT.cpu().where(inside_NT, len(self.count_V)), 1.0)
        holds_NV = holds_NV[:, :-1]
        self.count_V += holds_NV.sum(0)
        self.sum_VF += holds_NV.T @ f_NF
        self.sum_F += f_NF.sum(0)
        self.square_FF += f_NF.T @ f_NF
        self.number += len(f_NF)

    def vectors(self, directions: int) -> WordVectors:
        """The vectors of all words, (V, K).

        Args:
            directions: K; the directions of largest variance are used, padded with 0 if there are fewer than K.
        """
        number = max(self.number, 1)
        mean_F = self.sum_F / number
        variance_F, axes_FF = torch.linalg.eigh(self.square_FF / number - mean_F[:, None] * mean_F)
        axes_FK = (axes_FF / (variance_F.clamp(min=0) + FLOOR).sqrt()).flip(1)[:, :directions]
        n1_V1 = self.count_V[:, None]
        n0_V1 = number - n1_V1
        m1_VF = self.sum_VF / n1_V1.clamp(min=1)
        m0_VF = (self.sum_F - self.sum_VF) / n0_V1.clamp(min=1)
        both_V1 = (n1_V1 > 0) & (n0_V1 > 0)
        found_VK = torch.where(both_V1, (m1_VF - m0_VF) @ axes_FK, 0)
        chance_V1 = 1 / n1_V1.clamp(min=1) + 1 / n0_V1.clamp(min=1)
        t2_V1 = found_VK.square().mean(1, keepdim=True) / chance_V1
        words_VK = found_VK * (1 - 1 / t2_V1.clamp(min=1))
        missing = directions - words_VK.shape[1]
        words_VK, axes_FK = (functional.pad(x, (0, missing)) for x in (words_VK, axes_FK))
        return WordVectors(words_VK.float(), torch.zeros(len(words_VK)), mean_F.float(), axes_FK.float())


class CaptionedFaces(NamedTuple):
    """Faces with captions; N faces, F features, T ids.

    Attributes:
        ids: int64 (N, T), captions, padded at the end.
        length: int64 (N,), number of ids of each caption.
        features: float32 (N, F), image features.
        known: bool (N,), whether a face has features and a caption.
    """

    ids: Tensor
    length: Tensor
    features: Tensor
    known: Tensor


def fit_word_vectors(
    faces: Iterable[CaptionedFaces], contrasts: Contrasts, *, text_size: int, features: int, directions: int
) -> WordVectors:
    """Fits word vectors (V, K) to captions and questions.

    Args:
        faces: Batches of faces, in the order of the indices in `contrasts`.
        contrasts: Contrasts from questions about the same faces.
        text_size: V.
        features: F.
        directions: K.
    """
    statistics, seen = WordStatistics(text_size, features), list[CaptionedFaces]()
    for some in faces:
        statistics.add(some.ids[some.known], some.length[some.known], some.features[some.known])
        seen.append(some)
    features_NF, known_N = torch.cat([some.features for some in seen]), torch.cat([some.known for some in seen])
    return fit_words(statistics.vectors(directions), features_NF, known_N, contrasts)


@torch.enable_grad()
def fit_words(
    vectors: WordVectors, features_NF: Tensor, known_N: Tensor, contrasts: Contrasts, seed: int = 0
) -> WordVectors:
    r"""Refines word vectors by a few epochs of logistic regression on contrasts.

    The score of a text is :math:`s = \sum_i \langle w_i, z \rangle + b_i` over its words, with z the whitened features
    of the face. The first text of a contrast should score higher: the mean of :math:`\log(1 + e^{s_2 - s_1})` is
    minimised (Adam, from the given vectors). A yes/no question is compared with an empty text of score 0, so s is the
    log-odds of yes. For a choice between two answers, s is determined only up to a constant per question.

    Args:
        vectors: Initial vectors.
        features_NF: float (N, F), image features of the faces.
        known_N: bool (N,), which faces have features; contrasts of other faces are ignored.
        contrasts: Contrasts from questions.
        seed: Seed of the order of the contrasts.
    """
    kept_P = known_N[contrasts.place]
    if not kept_P.any():
        return vectors
    place_P, fits_PT, misfits_PT = (x[kept_P] for x in (contrasts.place, contrasts.fits, contrasts.misfits))
    seen_NK = functional.pad(vectors.whitened(features_NF), (0, 1), value=1.0)  # the last dimension multiplies the bias
    start_VK = torch.cat([vectors.words, vectors.bias[:, None]], 1)
    table_VK = functional.pad(start_VK, (0, 0, 0, 1)).requires_grad_()  # one extra row for padding
    optimizer = torch.optim.Adam([table_VK], lr=RATE, eps=1e-6)  # large eps: rounding errors cause no step
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
    """Sum of the rows of each text's ids, (P, K)."""
    padding = len(table_VK) - 1
    ids_PT = functional.pad(ids_PT, (0, 1), value=-1)  # at least one position per text
    return functional.embedding_bag(ids_PT % len(table_VK), table_VK, mode="sum", padding_idx=padding)
