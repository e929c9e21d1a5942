"""The two tables of all ids: embeddings at the input, logits at the output.

Image codes and words share parts of their rows, which are added here: see `CodeEmbedding` and `WordGrounding`.

Shapes: B sequences, L positions, P positions at which logits are read, D width, V ids of a slice, K codes, F features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from unif2ace.nets.transformer.grounding import NoGrounding
from unif2ace.nets.transformer.head import OutputHead, sliced_logits
from unif2ace.sequence.vocabulary import Slice, Vocabulary
from unif2ace.types import TokenSequence


@dataclass(frozen=True)
class TokenEmbeddings:
    """Reads the tables of a network, which owns their modules.

    Attributes:
        vocabulary: The vocabulary.
        embedding: Input table, (V, D) over all ids.
        head: Output table, (V, D) over all ids, with a bias.
        positions: Position embedding of the image tokens, (N, D), or None.
        codes: Shared parts of image codes, by table: ``embedding``, ``head``, ``bias``; empty if there are none.
        grounding: Visual grounding of words.
        tied: Whether both tables are one.
    """

    vocabulary: Vocabulary
    embedding: nn.Embedding
    head: OutputHead
    positions: nn.Embedding | None
    codes: nn.ModuleDict
    grounding: NoGrounding
    tied: bool

    def embed(self, sequence: TokenSequence, code_features_KF: Tensor | None) -> Tensor:
        """Embeddings of a sequence's ids, (B, L, D).

        Args:
            sequence: Whole sequences, or their new positions.
            code_features_KF: float (K, F), features of each image code.
        """
        if sequence.image_start is None:  # text only, usually one id at a time: the whole table is not built
            x_BLD = nn.functional.embedding(sequence.ids, self.embedding.weight)
            return self.grounding.embed(sequence.ids, x_BLD)
        table_VD = self.grounding.table("embedding", self.embedding.weight)
        table_VD = self._with_codes("embedding", table_VD, code_features_KF)
        x_BLD = nn.functional.embedding(sequence.ids, table_VD)
        if self.positions is None:
            return x_BLD
        positions_BND = self.positions.weight.to(x_BLD.dtype).expand(len(x_BLD), -1, -1)
        return x_BLD.scatter_add(1, sequence.image_token_positions[..., None].expand_as(positions_BND), positions_BND)

    def logits(self, parts: Sequence[tuple[Tensor, Slice]], code_features_KF: Tensor | None) -> tuple[Tensor, ...]:
        """Logits over slices of the vocabulary, float32 (P, V) each; they share one gradient of the head's weight.

        Args:
            parts: Hidden states (P, D), each with its slice.
            code_features_KF: float (K, F), features of each image code.
        """
        spans = [(hidden_PD, self.vocabulary.bounds(part)) for hidden_PD, part in parts]
        weight_VD: Tensor = self.head.weight
        bias_V: Tensor = self.head.bias
        if torch.is_grad_enabled():
            weight_VD = self.grounding.table("head", weight_VD)
        # in training always: data-parallel ranks wait for a gradient of every weight
        if torch.is_grad_enabled() or any(part != "text" for _, part in parts):
            weight_VD = self._with_codes("embedding" if self.tied else "head", weight_VD, code_features_KF)
            bias_V = self._with_codes("bias", bias_V[:, None], code_features_KF)[:, 0]
        found = sliced_logits(weight_VD, bias_V, spans)
        if torch.is_grad_enabled():
            return found
        scored = zip(found, parts, strict=True)  # text ids come first, so slices that hold them begin with them
        return tuple(x if part == "codebook" else self.grounding.score(hidden, x) for x, (hidden, part) in scored)

    def _with_codes(self, name: str, table_VD: Tensor, code_features_KF: Tensor | None) -> Tensor:
        if name not in self.codes:
            return table_VD
        table: Tensor = self.codes[name](table_VD, code_features_KF, self.vocabulary.image_offset)
        return table
