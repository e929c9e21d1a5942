"""Words that start as what is seen where they are said.

A language model knows what words have to do with each other; a network that starts from nothing learns of each alone
what it has to do with a picture. How the features of pictures whose captions hold a word differ from those of the
others is known before the first step, in closed form.

Letters: N captions, V text ids, F features, K directions of them, B rows, L columns, D width.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

FLOOR = 0.02
"""Added to the variances of the features before they are made even; LayerNorm has made their mean 1."""


@dataclass(frozen=True, slots=True)
class WordVectors:
    """What captions and questions tell of words.

    Attributes:
        words: float32 (V, K); of a word that has nothing to do with the pictures, or is never said, 0.
        bias: float32 (V,), how far a word fits pictures of which nothing is seen.
        mean: float32 (F,), of the normalised features.
        axes: float32 (F, K), from features less their mean to directions of even variance.
    """

    words: Tensor
    bias: Tensor
    mean: Tensor
    axes: Tensor

    def seen(self, features_BF: Tensor) -> Tensor:
        """What is seen of pictures, (B, K)."""
        return _even(features_BF, self.mean, self.axes)


class WordStatistics:
    r"""Sums over captions and the features of their pictures, from which `vectors` are made.

    With the features made even in K directions (principal components, each divided by its standard deviation), the
    vector of a word is their mean :math:`m_1` over the captions that hold it less that of the others, :math:`m_0`,

    .. math:: w = (m_1 - m_0)\,\bigl(1 - 1 / \overline{t^2}\bigr)_+, \qquad t = (m_1 - m_0) / \sqrt{1/n_1 + 1/n_0},

    shrunk as James and Stein do (positive part; *Estimation with quadratic loss*, 1961): chance leaves t near 1.

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
        """Counts some captions.

        Args:
            ids_NT: int64, padded at the end.
            length_N: int64, their numbers of ids.
            features_NF: Of their pictures.
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
        """The vectors of all words.

        Args:
            directions: K; those with the most variance are taken, and 0 stands where there are fewer.
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


def _even(features_BF: Tensor, mean_F: Tensor, axes_FK: Tensor) -> Tensor:
    return (functional.layer_norm(features_BF.to(mean_F.dtype), mean_F.shape) - mean_F) @ axes_FK


class Grounding(nn.Module):
    r"""Tells words what is seen, and what is seen to words.

    With z what is seen of a row's picture (the features, made even) and w the vector of a word, a column of text e
    becomes :math:`e \odot (1 + S z) + \langle w, z \rangle\, u`: how far a word fits the picture stands at the word
    itself, whatever the word, and need not be learned of one after the other. The product with S z is feature-wise
    modulation (FiLM, arXiv 1709.07871). What is said next is told likewise: z is added to what the head reads, times a
    gate.

    Args:
        text_size: V.
        features: F.
        dim: D.
        directions: K.
    """

    weight_kind = "table"  # see `unif2ace.modules.base.parameter_groups`

    def __init__(self, text_size: int, features: int, dim: int, directions: int) -> None:
        super().__init__()
        self.words = nn.Parameter(torch.zeros(text_size, directions))
        self.match = nn.Parameter(torch.randn(dim) * 0.1)
        self.scale = nn.Linear(directions, dim, bias=False)
        nn.init.normal_(self.scale.weight, std=directions**-0.5)
        self.gate = nn.Linear(dim, 1)
        nn.init.zeros_(self.gate.weight)
        nn.init.constant_(self.gate.bias, 0.2)
        self.mean: Tensor
        self.axes: Tensor
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("axes", torch.zeros(features, directions))

    @property
    def sizes(self) -> tuple[int, int, int]:
        """V, F and K."""
        return len(self.words), *self.axes.shape

    @torch.no_grad()
    def start_(self, vectors: WordVectors, embedding_VD: Tensor) -> None:
        """Takes what is known of words.

        Args:
            vectors: What is known.
            embedding_VD: The table of the words, which is told how far a word fits any picture.
        """
        self.words.copy_(vectors.words)
        self.mean.copy_(vectors.mean)
        self.axes.copy_(vectors.axes)
        embedding_VD[: len(vectors.bias)] += vectors.bias.to(embedding_VD)[:, None] * self.match

    @torch.no_grad()
    def silence_(self) -> None:
        """Changes no column any more, until it learns to."""
        self.match.zero_()
        self.scale.weight.zero_()

    def seen(self, values_BMF: Tensor, present_B: Tensor) -> Tensor:
        """What is seen of each row's picture, (B, K); 0 where a row has none.

        Args:
            values_BMF: A condition's vectors, which are averaged.
            present_B: bool.
        """
        return _even(values_BMF.mean(1), self.mean, self.axes).masked_fill(~present_B[:, None], 0)

    def heard(self, x_BLD: Tensor, ids_BL: Tensor, seen_BK: Tensor) -> Tensor:
        """Columns that know how far they fit the picture, (B, L, D); those of no text are left alone."""
        text_BL1 = (ids_BL < len(self.words))[..., None]
        words_BLK = functional.embedding(ids_BL.clamp(max=len(self.words) - 1), self.words)
        fit_BL1 = (words_BLK * seen_BK[:, None]).sum(-1, keepdim=True)
        told_BLD = x_BLD * self.scale(seen_BK)[:, None] + fit_BL1 * self.match
        out_BLD: Tensor = x_BLD + told_BLD.masked_fill(~text_BL1, 0).to(x_BLD.dtype)
        return out_BLD

    def said(self, hidden_BLD: Tensor, seen_BD: Tensor) -> Tensor:
        """What the head reads.

        Args:
            hidden_BLD: After the last LayerNorm.
            seen_BD: What is seen, as the head's rows of words have it.
        """
        out_BLD: Tensor = hidden_BLD + (self.gate(hidden_BLD) * seen_BD[:, None]).to(hidden_BLD.dtype)
        return out_BLD
