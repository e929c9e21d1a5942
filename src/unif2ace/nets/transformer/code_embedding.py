"""Embeddings of image codes from shared features. Shapes: K codes of C channels, F features, D width, V ids."""

from __future__ import annotations

import torch
from torch import Tensor, nn

FEW = 16
"""A channel with at most this many distinct values is one-hot encoded."""


def code_features(codes_KC: Tensor) -> Tensor:
    """Features of each code, float32 (K, F).

    A channel with few distinct values, as in FSQ (arXiv 2309.15505) and LFQ (arXiv 2310.05737), is one-hot encoded. Any
    other channel is standardised.

    Args:
        codes_KC: float (K, C), vectors of all codes in the order of their ids.
    """
    columns = []
    for channel_K in codes_KC.float().cpu().unbind(1):
        values, place_K = torch.unique(channel_K, return_inverse=True)
        if len(values) <= FEW:
            columns.append(nn.functional.one_hot(place_K, len(values)).float())
        else:
            columns.append(((channel_K - channel_K.mean()) / channel_K.std())[:, None])
    return torch.cat(columns, 1)


class CodeEmbedding(nn.Module):
    r"""Adds a term shared by similar codes to the rows of image codes in a table (V, D).

    The term is :math:`\Phi R`, with the codes' features :math:`\Phi` (K, F) and a trained R (F, D). A rare code thus
    also learns from similar codes; its own row of the table learns the remainder. Without the term, thousands of rows
    are learned independently.

    Args:
        features: F.
        dim: D.
        std: Initial standard deviation of R.
    """

    weight_kind = "table"  # see `unif2ace.optimizers.parameter_groups`

    def __init__(self, features: int, dim: int, std: float = 0.01) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(features, dim) * std)

    def forward(self, table_VD: Tensor, features_KF: Tensor, first: int) -> Tensor:
        """The table plus the term, (V, D).

        Args:
            table_VD: float (V, D), one row per id.
            features_KF: float (K, F), see `code_features`.
            first: Id of the first code.
        """
        rows_KD = features_KF.to(self.weight.dtype) @ self.weight
        return table_VD + nn.functional.pad(rows_KD, (0, 0, first, len(table_VD) - first - len(rows_KD)))

    def looked_up(self, ids: Tensor, features_KF: Tensor) -> Tensor:
        """The term of given codes, (..., D), without building the whole table.

        Args:
            ids: int64 (...), indices of codes, in [0, K).
            features_KF: float (K, F), features of the codes.
        """
        rows: Tensor = nn.functional.embedding(ids, features_KF).to(self.weight.dtype) @ self.weight
        return rows

    def scored(self, hidden_PD: Tensor, features_KF: Tensor) -> Tensor:
        """The term's contribution to the logits of the codes, (P, K), without building the whole table.

        Args:
            hidden_PD: float (P, D), hidden states.
            features_KF: float (K, F), features of the codes.
        """
        return (hidden_PD.to(self.weight.dtype) @ self.weight.mT) @ features_KF.to(self.weight.dtype).mT
