"""RADD's estimators of the likelihood bound of masked diffusion."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from unif2ace.diffusion.likelihood import token_nats
from unif2ace.errors import ConfigError, nearest
from unif2ace.losses.nelbo import NELBOLoss
from unif2ace.sequence.positions import masked_image
from unif2ace.types import CorruptedTokens, Logits, LogitsSpec

VARIANTS = ("t", "lambda", "k")


class RADDLoss(NELBOLoss):
    r"""Three estimators of one bound (RADD, arXiv 2406.03736) in nats per image token; CE is a sum over masked tokens.

    - t: :math:`w(t)\,CE / N`, as `MDLMLoss`;
    - lambda: :math:`CE / (\lambda N)` for a mask ratio :math:`\lambda = 1 - \alpha_t` that is uniform in [0, 1];
    - k: :math:`\frac{N + 1}k CE / N` for k masked tokens. With Bernoulli masks and a uniform mask ratio, each k from 0
      to N is equally likely; RADD excludes k = 0 and has N in place of N + 1.

    With a noise schedule other than ``linear`` the mask ratio is not uniform. The lambda and k estimators are then
    multiplied by its density :math:`w \lambda`, so lambda equals t, and all three have the same expectation. The k
    estimator varies least with t.

    Args:
        weight: Factor of the term.
        variant: ``t``, ``lambda`` or ``k``.

    Raises:
        ConfigError: If the variant is unknown.
    """

    name = "radd"
    forward_processes = frozenset({"absorbing"})
    logits_spec = LogitsSpec(masked_image, "codebook")
    reads = frozenset({logits_spec})

    def __init__(self, weight: float = 1.0, variant: Literal["t", "lambda", "k"] = "k") -> None:
        super().__init__(weight)
        if variant not in VARIANTS:
            raise ConfigError(
                f"loss.radd.variant={variant!r}: it must be one of {', '.join(VARIANTS)}{nearest(variant, VARIANTS)}"
            )
        self.variant = variant

    def of_tokens(self, logits: Logits, corrupted: CorruptedTokens) -> Tensor:
        """The factor of the variant times the cross-entropy, float (P,)."""
        return self._factor(corrupted)[logits.generation] * token_nats(logits)

    def _factor(self, corrupted: CorruptedTokens) -> Tensor:
        if self.variant == "t":
            return corrupted.weight
        share_G = (1 - corrupted.alpha).clamp(min=1e-12)
        density_G = corrupted.weight * share_G
        if self.variant == "lambda":
            return density_G / share_G
        num_tokens = corrupted.x0.shape[1]
        masks_G = (corrupted.xt != corrupted.x0).sum(1)
        return density_G * (num_tokens + 1) / masks_G.clamp(min=1)
