"""A start for the rows of image codes: codes that look alike start alike. K codes of C channels, width D."""

from __future__ import annotations

import torch
from torch import Tensor

from unif2ace.nets.unified.net import UnifiedNet


@torch.no_grad()
def start_from_codes_(net: UnifiedNet, codes_KC: Tensor, share: float = 0.9, std: float = 0.02) -> None:
    r"""Sets the embedding's and the head's rows of the image codes to a random linear map of the code vectors.

    Formula, for the standardised vector c of a code, a random matrix R and noise n: :math:`s R c + \sqrt{1 - s^2}\,n`,
    of standard deviation `std`. Rows of rare codes then learn from their neighbours' from the first step on.

    Args:
        net: The transformer, not yet trained.
        codes_KC: Vectors of all codes in the order of their ids.
        share: s, between 0 (all noise, the usual start) and 1.
        std: Of the rows' values.
    """
    first, end = net.vocabulary.bounds("codebook")
    c_KC = codes_KC.float()
    c_KC = (c_KC - c_KC.mean(0)) / c_KC.std(0).clamp(min=1e-6) / c_KC.shape[1] ** 0.5
    for table in (net.embedding, net.head):
        map_CD = torch.randn(c_KC.shape[1], table.weight.shape[1], dtype=c_KC.dtype, device=c_KC.device)
        rows_KD = share * (c_KC @ map_CD)
        rows_KD = rows_KD + (1 - share**2) ** 0.5 * torch.randn_like(rows_KD)
        table.weight[first:end] = (std * rows_KD).to(table.weight)
