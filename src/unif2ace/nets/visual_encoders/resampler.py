"""Resamples visual features to the image span with learned queries.

Shapes: B sequences, M vectors of F values, N queries, D width, h heads.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from unif2ace.errors import ConfigError
from unif2ace.types import Condition


class Resampler(nn.Module):
    """Cross-attention from N learned queries, then a feed-forward network; maps (B, M, F) to (B, N, D).

    One layer of Flamingo's perceiver resampler (arXiv 2204.14198, section 2.1), without its self-attention. Every call
    uses every parameter, even if no sample is present, because data-parallel wrappers wait for all gradients.

    Args:
        in_dim: F.
        dim: D.
        num_queries: N, one for each image token.
        heads: Number of attention heads; must divide `dim`.

    Raises:
        ConfigError: If `heads` does not divide `dim`.
    """

    def __init__(self, in_dim: int, dim: int, num_queries: int, heads: int = 4) -> None:
        super().__init__()
        if dim % heads:
            raise ConfigError(
                f"net.dim={dim}: it must be a multiple of {heads}, the number of heads of the visual resampler"
            )
        self.heads = heads
        self.query = nn.Parameter(torch.randn(num_queries, dim) * 0.02)
        self.in_norm, self.query_norm = nn.LayerNorm(in_dim), nn.LayerNorm(dim)
        self.to_query, self.to_key_value = nn.Linear(dim, dim), nn.Linear(in_dim, 2 * dim)
        self.to_out = nn.Linear(dim, dim)
        self.mlp_norm, self.out_norm = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))

    def forward(self, condition: Condition) -> Condition:
        """The condition with values (B, N, D), zero for samples that are not present."""
        present_B11 = condition.present[:, None, None]
        values_BMF = condition.values.to(self.query.dtype).masked_fill(~present_B11, 0)
        x_BND = self.query + self._read(self.in_norm(values_BMF))
        x_BND = self.out_norm(x_BND + self.mlp(self.mlp_norm(x_BND)))
        return Condition(x_BND.masked_fill(~present_B11, 0), condition.present)

    def _read(self, values_BMF: Tensor) -> Tensor:
        """Attention output, (B, N, D).

        Scores are explicit: there are few keys, and the fused kernel's backward is slow in bfloat16 on a CPU.
        """
        rows, vectors = values_BMF.shape[:2]
        number, width = len(self.query), self.query.shape[1] // self.heads
        key_BMD, value_BMD = self.to_key_value(values_BMF).chunk(2, -1)
        key_BhMd = key_BMD.reshape(rows, vectors, self.heads, width).transpose(1, 2)
        value_BhMd = value_BMD.reshape(rows, vectors, self.heads, width).transpose(1, 2)
        query_hNd = self.to_query(self.query_norm(self.query)).view(number, self.heads, width).transpose(0, 1)
        score_BhNM = query_hNd @ key_BhMd.transpose(-1, -2) * width**-0.5
        found_BhNd = score_BhNM.softmax(-1).to(value_BhMd.dtype) @ value_BhMd
        out_BND: Tensor = self.to_out(found_BhNd.transpose(1, 2).reshape(rows, number, self.heads * width))
        return out_BND
