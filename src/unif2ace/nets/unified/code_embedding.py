"""Rows of image codes that share what the codes share. K codes of C channels, F features of a code, width D."""

from __future__ import annotations

import torch
from torch import Tensor, nn

FEW = 16
"""A channel with at most so many values is told by which of them it has."""


def code_features(codes_KC: Tensor) -> Tensor:
    """What is known of each code, float32 (K, F).

    A channel with few values, as those of FSQ (arXiv 2309.15505) and LFQ (arXiv 2310.05737), gives an indicator of
    each; any other its standardised value.

    Args:
        codes_KC: Vectors of all codes in the order of their ids.
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
    r"""What is added to the rows of image codes in a table of ids: :math:`\Phi R`, with features :math:`\Phi` of the
    codes and a learned R (F, D).

    Every code then learns from all that look like it, however seldom it is seen itself; the row of its own in the table
    is what is left to say. Without it, thousands of rows are learned one by one.

    Args:
        features: F.
        dim: D.
        std: Standard deviation of R at the start.
    """

    weight_kind = "table"  # see `unif2ace.modules.base.parameter_groups`

    def __init__(self, features: int, dim: int, std: float = 0.01) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(features, dim) * std)

    def forward(self, table_VD: Tensor, features_KF: Tensor, first: int) -> Tensor:
        """The table with them added, (V, D).

        Args:
            table_VD: A row for each id.
            features_KF: Of the codes, see `code_features`.
            first: Id of the first code.
        """
        rows_KD = features_KF.to(self.weight.dtype) @ self.weight
        return table_VD + nn.functional.pad(rows_KD, (0, 0, first, len(table_VD) - first - len(rows_KD)))

    def looked_up(self, ids: Tensor, features_KF: Tensor) -> Tensor:
        """What is added to the rows of some ids, (..., D), without the table; the first code has id 0.

        Args:
            ids: int64 (...), below K.
            features_KF: Of the codes.
        """
        rows: Tensor = nn.functional.embedding(ids, features_KF).to(self.weight.dtype) @ self.weight
        return rows

    def scored(self, hidden_PD: Tensor, features_KF: Tensor) -> Tensor:
        """What is added to the logits of the codes, (P, K), without the table.

        Args:
            hidden_PD: Hidden states.
            features_KF: Of the codes.
        """
        return (hidden_PD.to(self.weight.dtype) @ self.weight.mT) @ features_KF.to(self.weight.dtype).mT
