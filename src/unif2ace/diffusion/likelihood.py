r"""Upper bounds on the negative log-likelihood of image tokens.

The network predicts a distribution over the clean code of each masked token and copies unmasked tokens. The bound is
:math:`-\log p(x_0) \le \int_0^1 w(t)\, E_{x_t} \sum_{i\ masked} -\log p(x_{0,i} | x_t) dt` (MDLM, arXiv 2406.07524, eq.
10). The value does not depend on the noise schedule if the schedule starts clean and ends fully masked.

Shapes: G samples, N image tokens, P tokens whose logits were computed, K codes, V ids of a slice.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from unif2ace.diffusion.forward_processes.absorbing import AbsorbingProcess
from unif2ace.diffusion.noise import SampleNoise
from unif2ace.diffusion.noise_schedules.linear import LinearSchedule
from unif2ace.types import CorruptedTokens, Logits


def nelbo_corruption(sample_G: Tensor, x0_GN: Tensor, noise: SampleNoise, num_codes: int) -> CorruptedTokens:
    """Corrupts codes so that `nelbo_per_sample` is unbiased: Bernoulli masks, alpha = 1 - t, times in [0, 1].

    Args:
        sample_G: int64 (G,), indices in the batch.
        x0_GN: int64 (G, N), clean codes.
        noise: Noise of these G samples.
        num_codes: K.
    """
    return AbsorbingProcess(LinearSchedule(), "bernoulli", t_min=0.0).corrupt(sample_G, x0_GN, noise, num_codes)


def nelbo_per_sample(logits: Logits, corrupted: CorruptedTokens) -> Tensor:
    r"""An unbiased estimate of each sample's bound, float32 (G,), in nats per image token.

    Formula: :math:`\frac{w(t)}N \sum_{i\ masked} -\log p(x_{0,i} | x_t)`; 0 for a sample without masked tokens.

    Args:
        logits: Logits (P, K) of the masked tokens, over the codebook.
        corrupted: Output of `nelbo_corruption`, or of any absorbing process with Bernoulli masks and a noise schedule
            that starts clean and ends fully masked.
    """
    values_P = corrupted.weight[logits.generation] * token_nats(logits)
    sums_G = values_P.new_zeros(len(corrupted.sample)).index_add(0, logits.generation, values_P)
    return sums_G / corrupted.x0.shape[1]


def token_nats(logits: Logits) -> Tensor:
    """Cross-entropy of the targets in nats, (P,), float64 for float64 logits, else float32; 0 without a target."""
    return cross_entropy(_wide(logits.values), logits.target, ignore_index=-100, reduction="none")


def token_log_p(logits: Logits) -> Tensor:
    """Log-probabilities (P, V), float64 for float64 logits, else float32."""
    return _wide(logits.values).log_softmax(-1)


def _wide(values: Tensor) -> Tensor:
    # autocast does not change these operations on float32
    return values if values.dtype == torch.float64 else values.float()
