"""Image code embeddings from features shared by codes. Shapes: K codes of C channels, F features, D width, V ids."""

from __future__ import annotations

import torch
from torch import Tensor, nn

FEW = 16
"""A channel with at most this many distinct values is one-hot encoded."""


def code_features(codes_KC: Tensor) -> Tensor:
    """Features of each code, float32 (K, F).

    A channel with few distinct values, as in FSQ (arXiv 2309.15505) and LFQ (arXiv 2310.05737), is one-hot encoded; any
    other is standardised.

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
    r"""A term added to the rows of image codes in a table (V, D): :math:`\Phi R`, with features :math:`\Phi` (K, F) of
    the codes and a learned R (F, D).

    Each code thus also learns from similar codes, however rare it is; its own row of the table learns the remainder.
    Otherwise thousands of rows are learned independently.

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
        """The table with the term added, (V, D).

        Args:
            table_VD: float (V, D), one row per id.
            features_KF: float (K, F), see `code_features`.
            first: Id of the first code.
        """
        rows_KD = features_KF.to(self.weight.dtype) @ self.weight
        return table_VD + nn.functional.pad(rows_KD, (0, 0, first, len(table_VD) - first - len(rows_KD)))

    def looked_up(self, ids: Tensor, features_KF: Tensor) -> Tensor:
        """The term for some ids, (..., D), without building the table; the first code has id 0.

        Args:
            ids: int64 (...), below K.
            features_KF: float (K, F), features of the codes.
        """
        rows: Tensor = nn.functional.embedding(ids, features_KF).to(self.weight.dtype) @ self.weight
        return rows

    def scored(self, hidden_PD: Tensor, features_KF: Tensor) -> Tensor:
        """The term's contribution to the logits of the codes, (P, K), without building the table.

        Args:
            hidden_PD: float (P, D), hidden states.
            features_KF: float (K, F), features of the codes.
        """
        return (hidden_PD.to(self.weight.dtype) @ self.weight.mT) @ features_KF.to(self.weight.dtype).mT
