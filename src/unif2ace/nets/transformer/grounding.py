"""Visually grounded word embeddings, initialised from the image features of faces whose captions contain the word.

A pretrained language model knows how words relate to each other. A network trained from scratch must learn for each
word separately how the word relates to images. For each word, `unif2ace.nets.transformer.word_fitting` therefore
compares the mean image features of faces with the word in their captions and of faces without it, before training.

Shapes: B sequences, L positions, P positions at which logits are read, V text ids, F features, K whitened directions of
the features, D width, M vectors per image.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from unif2ace.nets.transformer.cache import Cache
from unif2ace.nets.transformer.code_embedding import CodeEmbedding
from unif2ace.nets.transformer.word_vectors import WordVectors, whiten
from unif2ace.types import Condition


class NoGrounding(nn.Module):
    """Used when words have no visual grounding: every method returns its input."""

    def picture(self, conditions: Mapping[str, Condition], batch: int, cache: Cache | None) -> Tensor | None:
        """Whitened features of each sequence's image, float (B, K); None without visual features."""
        return None

    def table(self, name: str, table_VD: Tensor) -> Tensor:
        """A table of ids, (V, D), plus the grounding term of each word."""
        return table_VD

    def embed(self, ids_T: Tensor, x_TD: Tensor) -> Tensor:
        """Embeddings (T, D) plus the grounding terms of the words among the ids (T,)."""
        return x_TD

    def score(self, hidden_PD: Tensor, logits_PV: Tensor) -> Tensor:
        """Adds the words' grounding terms to logits (P, V), whose first columns are the text ids."""
        return logits_PV

    def modulate_embeddings(self, x_BLD: Tensor, ids_BL: Tensor, picture_BK: Tensor | None) -> Tensor:
        """Embeddings (B, L, D), modulated by how well each word matches the image."""
        return x_BLD

    def modulate_hidden(self, hidden_BLD: Tensor, picture_BK: Tensor | None) -> Tensor:
        """Hidden states (B, L, D) plus a projection of the image features."""
        return hidden_BLD

    def zero_init_(self) -> None:
        """Initialises the module so that it returns its inputs."""


class WordGrounding(NoGrounding):
    r"""Adds to each word's embedding how well the word matches the image; maps (B, L, D) to (B, L, D).

    The embedding e of a word becomes :math:`e \odot (1 + S z) + \langle w, z \rangle\, u`, with the image's whitened
    features z, the word's vector w and trained S and u. The product with S z is feature-wise modulation (FiLM, arXiv
    1709.07871). The last term makes the match between word and image available at the word's position. A gated
    projection of z is also added to the head's input.

    Args:
        encoder: Name of the visual encoder whose features are used.
        features: F.
        text_size: V.
        dim: D.
        directions: K.
        tied: Whether embedding and head share one table.
    """

    weight_kind = "table"  # see `unif2ace.optimizers.parameter_groups`

    def __init__(self, encoder: str, features: int, text_size: int, dim: int, directions: int, tied: bool) -> None:
        super().__init__()
        tables = {name: CodeEmbedding(directions, dim) for name in (("embedding",) if tied else ("embedding", "head"))}
        with torch.no_grad():
            for table in tables.values():  # in float32: QR is not implemented in 16 bits
                table.weight.copy_(nn.init.orthogonal_(torch.empty(directions, dim, dtype=torch.float32)))
        self.encoder, self._tied = encoder, tied
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
        self.tables = nn.ModuleDict(tables)

    @property
    def sizes(self) -> tuple[int, int, int]:
        """V, F and K."""
        return len(self.words), *self.axes.shape

    @torch.no_grad()
    def start_(self, vectors: WordVectors, embedding_VD: Tensor) -> None:
        """Loads fitted vectors.

        Args:
            vectors: Vectors of all words, (V, K).
            embedding_VD: float (V, D), the embedding of all ids; the words' biases are added to it in place.
        """
        self.words.copy_(vectors.words)
        self.mean.copy_(vectors.mean)
        self.axes.copy_(vectors.axes)
        embedding_VD[: len(vectors.bias)] += vectors.bias.to(embedding_VD)[:, None] * self.match

    @torch.no_grad()
    def zero_init_(self) -> None:
        """Initialises the module so that it returns its inputs, by setting one factor of each added term to 0."""
        self.match.zero_()
        self.scale.weight.zero_()
        for table in self.tables.parameters():
            table.zero_()

    def picture(self, conditions: Mapping[str, Condition], batch: int, cache: Cache | None) -> Tensor | None:
        """Whitened features of each sequence's image, float (B, K); 0 where a sequence has none.

        In training the result is never None, because data-parallel ranks wait for the gradients of every parameter.
        """
        if cache is not None and cache.picture is not None:
            return cache.picture
        condition = conditions.get(self.encoder)
        if condition is None:
            return self.match.new_zeros(batch, self.words.shape[1]) if torch.is_grad_enabled() else None
        picture_BK = whiten(condition.values.mean(1), self.mean, self.axes)
        picture_BK = picture_BK.masked_fill(~condition.present[:, None], 0)
        if cache is not None:
            cache.picture = picture_BK
        return picture_BK

    def table(self, name: str, table_VD: Tensor) -> Tensor:
        """A table of ids, (V, D), plus the grounding term of each word."""
        table: Tensor = self._table(name)(table_VD, self.words, 0)
        return table

    def embed(self, ids_T: Tensor, x_TD: Tensor) -> Tensor:
        """Embeddings (T, D) plus the grounding terms of the words among the ids (T,); builds no whole table."""
        known_T = ids_T < len(self.words)
        rows_TD = self._table("embedding").looked_up(ids_T.where(known_T, 0), self.words)
        return x_TD + rows_TD.where(known_T[:, None], 0)

    def score(self, hidden_PD: Tensor, logits_PV: Tensor) -> Tensor:
        """Adds the words' grounding terms to logits (P, V), whose first columns are the text ids; builds no whole
        table.
        """
        scores_PV = self._table("head").scored(hidden_PD, self.words)
        logits_PV[:, : scores_PV.shape[1]] += scores_PV
        return logits_PV

    def modulate_embeddings(self, x_BLD: Tensor, ids_BL: Tensor, picture_BK: Tensor | None) -> Tensor:
        """Embeddings (B, L, D), modulated by how well each word matches the image; other ids are unchanged."""
        if picture_BK is None:
            return x_BLD
        text_BL1 = (ids_BL < len(self.words))[..., None]
        words_BLK = functional.embedding(ids_BL.clamp(max=len(self.words) - 1), self.words)
        fit_BL1 = (words_BLK * picture_BK[:, None]).sum(-1, keepdim=True)
        change_BLD = x_BLD * self.scale(picture_BK)[:, None] + fit_BL1 * self.match
        out_BLD: Tensor = x_BLD + change_BLD.masked_fill(~text_BL1, 0).to(x_BLD.dtype)
        return out_BLD

    def modulate_hidden(self, hidden_BLD: Tensor, picture_BK: Tensor | None) -> Tensor:
        """Hidden states (B, L, D) after the last LayerNorm plus the gated image features."""
        if picture_BK is None:
            return hidden_BLD
        picture_BD = picture_BK @ self._table("head").weight
        out_BLD: Tensor = hidden_BLD + (self.gate(hidden_BLD) * picture_BD[:, None]).to(hidden_BLD.dtype)
        return out_BLD

    def _table(self, name: str) -> CodeEmbedding:
        table = self.tables["embedding" if self._tied else name]
        assert isinstance(table, CodeEmbedding)
        return table


def word_grounding(
    visual_dims: Mapping[str, int], text_size: int, dim: int, directions: int, tied: bool
) -> NoGrounding:
    """A `WordGrounding` for the first visual encoder, or `NoGrounding` if there is no encoder.

    Args:
        visual_dims: F of each encoder, by name.
        text_size: V.
        dim: D.
        directions: K.
        tied: Whether embedding and head share one table.
    """
    for encoder, features in visual_dims.items():
        return WordGrounding(encoder, features, text_size, dim, directions, tied)
    return NoGrounding()
