r"""Upper bounds of the negative log-likelihood of image tokens.

For any network that predicts the clean codes of masked tokens by distributions over the codes, and carries the others
over: :math:`-\log p(x_0) \le \int_0^1 w(t)\, E_{x_t} \sum_{i\ masked} -\log p(x_{0,i} | x_t) dt` (MDLM, arXiv
2406.07524, eq. 10). The value does not depend on the schedule as long as it starts clean and ends all masked.
Letters: G rows, N image tokens, P of them whose logits were computed, K codes.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from unif2ace.diffusion.forward_processes.absorbing import AbsorbingProcess
from unif2ace.diffusion.noise_schedules.linear import LinearSchedule
from unif2ace.types import CorruptedTokens, Logits


def bound_noise(row_G: Tensor, x0_GN: Tensor, uniform_GM: Tensor, num_codes: int) -> CorruptedTokens:
    """The corruption under which `bound_of_rows` is unbiased: Bernoulli masks, alpha = 1 - t, times from all of [0, 1].

    Args:
        row_G: int64, rows in the batch.
        x0_GN: int64, clean codes.
        uniform_GM: float in [0, 1), M = 1 + 2 N; see `ForwardProcess.corrupt`.
        num_codes: K.
    """
    return AbsorbingProcess(LinearSchedule(), "bernoulli", t_min=0.0).corrupt(row_G, x0_GN, uniform_GM, num_codes)


def bound_of_rows(logits: Logits, noised: CorruptedTokens) -> Tensor:
    r"""One draw of each row's bound, float32 (G,), in nats per image token.

    Formula: :math:`\frac{w(t)}N \sum_{i\ masked} -\log p(x_{0,i} | x_t)`; a row without masks has 0.

    Args:
        logits: Of the masked tokens, over the codebook.
        noised: Of `bound_noise`, or of any absorbing process with Bernoulli masks that starts clean and ends masked.
    """
    place_P = place_of_rows(logits, noised)
    values_P = noised.weight[place_P] * token_nats(logits)
    sums_G = values_P.new_zeros(len(noised.row)).index_add(0, place_P, values_P)
    return sums_G / noised.x0.shape[1]


def token_nats(logits: Logits) -> Tensor:
    """Cross-entropy of the targets, nats, (P,): float32, or float64 as the logits; 0 where there is no target."""
    return cross_entropy(_wide(logits.values), logits.target, ignore_index=-100, reduction="none")


def token_log_p(logits: Logits) -> Tensor:
    """Log-probabilities (P, V): float32, or float64 as the logits."""
    return _wide(logits.values).log_softmax(-1)


def place_of_rows(logits: Logits, noised: CorruptedTokens) -> Tensor:
    """Place of each logit's row among those that generate: int64 (P,), values in [0, G)."""
    return torch.searchsorted(noised.row, logits.row)


def _wide(values: Tensor) -> Tensor:
    # autocast leaves these operations alone once they are float32
    return values if values.dtype == torch.float64 else values.float()
