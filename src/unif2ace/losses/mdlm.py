"""The likelihood bound of masked diffusion: weighted cross-entropy of masked tokens."""

from __future__ import annotations

from torch import Tensor

from unif2ace.diffusion.likelihood import token_nats
from unif2ace.losses.nelbo import NELBOLoss
from unif2ace.sequence.positions import masked_image
from unif2ace.types import CorruptedTokens, Logits, LogitsSpec


class MDLMLoss(NELBOLoss):
    r"""MDLM's bound (arXiv 2406.07524, eq. 10), nats per image token.

    Formula: :math:`\frac1N \sum_{i\ masked} w(t) (-\log p(x_{0,i} | x_t))`, :math:`w = -\alpha' / (1 - \alpha)`. The
    softmax is over the codebook only, and unmasked tokens are copied. The expectation over t is an upper bound of the
    negative log-likelihood. It neglects times below `forward_process.t_min` and tokens that the noise schedule leaves
    unmasked at t = 1.

    Args:
        weight: Factor of the term.
    """

    name = "mdlm"
    forward_processes = frozenset({"absorbing"})
    logits_spec = LogitsSpec(masked_image, "codebook")
    reads = frozenset({logits_spec})

    def of_tokens(self, logits: Logits, corrupted: CorruptedTokens) -> Tensor:
        """``w(t)`` times the cross-entropy, float (P,)."""
        return corrupted.weight[logits.generation] * token_nats(logits)
