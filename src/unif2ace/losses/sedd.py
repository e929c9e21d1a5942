"""Denoising score entropy, weighted as a likelihood bound, for masking or uniform noise."""

from __future__ import annotations

from torch import Tensor

from unif2ace.diffusion.forward_processes.base import ForwardProcess
from unif2ace.diffusion.forward_processes.uniform import UniformProcess
from unif2ace.diffusion.likelihood import token_log_p
from unif2ace.diffusion.score import absorbing_entropy, mixture_entropy, mixture_weight
from unif2ace.losses.nelbo import NELBOLoss, xt_of_tokens
from unif2ace.sequence.positions import image, masked_image
from unif2ace.types import CorruptedTokens, Logits, LogitsSpec


class SEDDLoss(NELBOLoss):
    r"""Score entropy (SEDD, arXiv 2310.16834) in nats per image token, with scores computed from predicted clean codes.

    Formula: :math:`\frac1N \sum_i \sigma(t) \sum_{y \ne z} Q(y, z) (s_y - R_y \log s_y + R_y (\log R_y - 1))` with the
    corrupted token z and the true ratio :math:`R_y = q_t(y|x_0) / q_t(z|x_0)`. The score :math:`s_y` is the same ratio
    for the predicted distribution of :math:`x_0`. Q(y, z) is the rate from y to z: 1 to the mask, or 1 / K to each
    code.

    - absorbing: only masked tokens contribute. Because the prediction sums to 1, the loss equals `MDLMLoss`; - uniform:
    every token contributes, corrupted or not. The loss equals UDLM's bound (arXiv 2412.10193).

    Args:
        forward_process: An absorbing or uniform process; ``${forward_process}`` in a configuration.
        weight: Factor of the term.
    """

    name = "sedd"
    forward_processes = frozenset({"absorbing", "uniform"})

    def __init__(self, forward_process: ForwardProcess, weight: float = 1.0) -> None:
        super().__init__(weight)
        self.uniform = forward_process if isinstance(forward_process, UniformProcess) else None
        self.logits_spec = LogitsSpec(image if self.uniform else masked_image, "codebook")
        self.reads = frozenset({self.logits_spec})

    def of_tokens(self, logits: Logits, corrupted: CorruptedTokens) -> Tensor:
        """The rate of the noise times the score entropy, float (P,)."""
        log_p_PK = token_log_p(logits)
        if self.uniform is None:
            return corrupted.weight[logits.generation] * absorbing_entropy(log_p_PK, logits.target)
        xt_P = xt_of_tokens(corrupted, logits)
        mixture = self.uniform.mixture(corrupted.t).at(logits.generation)
        entropy_P = mixture_entropy(log_p_PK, logits.target, xt_P, mixture)
        return mixture_weight(logits.target, xt_P, mixture, log_p_PK.shape[1]) * entropy_P
