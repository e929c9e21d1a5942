"""The likelihood bound of diffusion with noise that mixes masks and random codes."""

from __future__ import annotations

from torch import Tensor

from unif2ace.diffusion.forward_processes.base import ForwardProcess
from unif2ace.diffusion.forward_processes.hybrid import HybridProcess
from unif2ace.diffusion.likelihood import token_log_p
from unif2ace.diffusion.score import mixture_entropy, mixture_weight
from unif2ace.errors import ConfigError
from unif2ace.losses.nelbo import NELBOLoss, xt_of_tokens
from unif2ace.sequence.positions import image
from unif2ace.types import CorruptedTokens, Logits, LogitsSpec


class GIDDLoss(NELBOLoss):
    r"""GIDD's bound (arXiv 2503.04482) in nats per image token, over corrupted and uncorrupted tokens.

    Formula: :math:`\frac1N \sum_i \omega\,\bigl[KL(q \| q_\theta) + IS(q(z) \| q_\theta(z))\bigr]`, with the
    Itakura-Saito divergence IS and the corrupted token z. q is the distribution of z given the clean code,
    :math:`q_\theta` given the prediction. :math:`\omega` is the rate of noise into z, divided by q(z). :math:`\omega`
    grows without bound as t approaches 0 or 1. `max_weight` clips it, and then the value is not a likelihood bound.

    Args:
        forward_process: A `HybridProcess`; ``${forward_process}`` in a configuration.
        weight: Factor of the term.
        max_weight: Largest omega, above 0; None for the exact bound.

    Raises:
        ConfigError: If `max_weight` is not above 0.
    """

    name = "gidd"
    forward_processes = frozenset({"hybrid"})
    logits_spec = LogitsSpec(image, "codebook")
    reads = frozenset({logits_spec})

    def __init__(self, forward_process: ForwardProcess, weight: float = 1.0, max_weight: float | None = None) -> None:
        super().__init__(weight)
        if max_weight is not None and max_weight <= 0:
            raise ConfigError(f"loss.gidd.max_weight={max_weight}: it must be above 0, or null")
        self.forward_process, self.max_weight = forward_process, max_weight
        self.is_bound = max_weight is None

    def of_tokens(self, logits: Logits, corrupted: CorruptedTokens) -> Tensor:
        """``omega`` times the divergences, float (P,)."""
        assert isinstance(self.forward_process, HybridProcess)
        log_p_PK = token_log_p(logits)
        xt_P = xt_of_tokens(corrupted, logits)
        mixture = self.forward_process.mixture(corrupted.t).at(logits.generation)
        omega_P = mixture_weight(logits.target, xt_P, mixture, log_p_PK.shape[1])
        if self.max_weight is not None:
            omega_P = omega_P.clamp(max=self.max_weight)
        return omega_P * mixture_entropy(log_p_PK, logits.target, xt_P, mixture)
