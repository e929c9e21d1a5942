"""The two tables of all ids: embeddings at the input, logits at the output.

Rows of image codes and of words have additional shared terms, which are added here; see `CodeEmbedding` and
`WordGrounding`.

Shapes: T tokens of all sequences, P positions at which logits are read, D width, V ids of a slice, K codes, F features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from unif2ace.nets.transformer.code_embedding import CodeEmbedding
from unif2ace.nets.transformer.grounding import NoGrounding
from unif2ace.nets.transformer.head import OutputHead, sliced_logits
from unif2ace.sequence.vocabulary import Slice, Vocabulary
from unif2ace.types import SequenceParts


@dataclass(frozen=True)
class TokenEmbeddings:
    """Computes embeddings and logits from the tables of a network; the network owns the modules.

    Attributes:
        vocabulary: Ranges of ids of text, special tokens and image codes.
        embedding: Input table, (V, D) over all ids.
        head: Output table, (V, D) over all ids, with a bias.
        positions: Position embedding of the image tokens, (N, D), or None.
        codes: Shared terms of image codes, by table: ``embedding``, ``head``, ``bias``; empty if codes share nothing.
        grounding: Visual grounding of words.
        tied: Whether `head` shares the weight of `embedding`.
    """

    vocabulary: Vocabulary
    embedding: nn.Embedding
    head: OutputHead
    positions: nn.Embedding | None
    codes: nn.ModuleDict
    grounding: NoGrounding
    tied: bool

    def embed(self, sequences: SequenceParts, code_features_KF: Tensor | None) -> Tensor:
        """Embeddings of all ids, (T, D).

        Args:
            sequences: Whole sequences, or only the positions that are not cached.
            code_features_KF: float (K, F), features of each image code.
        """
        ids_T, images = sequences.tokens("ids"), sequences.images
        if images is not None and torch.is_grad_enabled():
            table_VD = self.grounding.table("embedding", self.embedding.weight)
            table_VD = self._with_codes("embedding", table_VD, code_features_KF)
            x_TD = nn.functional.embedding(ids_T, table_VD)
        else:  # few ids are read: the whole table is not built
            x_TD = nn.functional.embedding(ids_T, self.embedding.weight)
            x_TD = self.grounding.embed(ids_T, x_TD)
            x_TD = self._plus_codes(ids_T, x_TD, code_features_KF) if images is not None else x_TD
        if self.positions is None or images is None:
            return x_TD
        positions_TD = self.positions.weight.to(x_TD.dtype).repeat(len(images.token), 1)
        return x_TD.index_add(0, images.token.flatten(), positions_TD)

    def logits(self, parts: Sequence[tuple[Tensor, Slice]], code_features_KF: Tensor | None) -> tuple[Tensor, ...]:
        """Logits over slices of the vocabulary, float32 (P, V) each; all slices write into one gradient of the head's
        weight.

        Args:
            parts: Pairs of hidden states (P, D) and a slice.
            code_features_KF: float (K, F), features of each image code.
        """
        spans = [(hidden_PD, self.vocabulary.bounds(part)) for hidden_PD, part in parts]
        if not torch.is_grad_enabled():
            found = sliced_logits(self.head.weight, self.head.bias, spans)
            scored = zip(found, parts, strict=True)
            return tuple(self._scored(x_PV, hidden, part, code_features_KF) for x_PV, (hidden, part) in scored)
        # always all tables: data-parallel ranks wait for a gradient of every weight
        weight_VD = self.grounding.table("head", self.head.weight)
        weight_VD = self._with_codes("embedding" if self.tied else "head", weight_VD, code_features_KF)
        bias_V = self._with_codes("bias", self.head.bias[:, None], code_features_KF)[:, 0]
        return sliced_logits(weight_VD, bias_V, spans)

    def _scored(self, logits_PV: Tensor, hidden_PD: Tensor, part: Slice, features_KF: Tensor | None) -> Tensor:
        """Adds the shared terms of a slice's ids to its logits, in place and without building a table."""
        if part != "codebook":  # text ids come first, so slices that hold them begin with them
            logits_PV = self.grounding.score(hidden_PD, logits_PV)
        if part != "text" and features_KF is not None and self.codes:
            first = self.vocabulary.image_offset - self.vocabulary.bounds(part)[0]
            codes_PK = logits_PV[:, first : first + len(features_KF)]
            codes_PK += self._shared("embedding" if self.tied else "head").scored(hidden_PD, features_KF)
            codes_PK += self._shared("bias").scored(hidden_PD.new_ones(1, 1), features_KF)
        return logits_PV

    def _plus_codes(self, ids_T: Tensor, x_TD: Tensor, features_KF: Tensor | None) -> Tensor:
        """Embeddings (T, D) plus the shared terms of the codes among the ids (T,); no table is built."""
        if features_KF is None or not self.codes:
            return x_TD
        code_T = ids_T - self.vocabulary.image_offset
        known_T = (code_T >= 0) & (code_T < len(features_KF))
        rows_TD = self._shared("embedding").looked_up(code_T.where(known_T, 0), features_KF)
        return x_TD + rows_TD.where(known_T[..., None], 0)

    def _shared(self, name: str) -> CodeEmbedding:
        return cast(CodeEmbedding, self.codes[name])

    def _with_codes(self, name: str, table_VD: Tensor, code_features_KF: Tensor | None) -> Tensor:
        if name not in self.codes:
            return table_VD
        table: Tensor = self.codes[name](table_VD, code_features_KF, self.vocabulary.image_offset)
        return table
