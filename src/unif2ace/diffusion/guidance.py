"""Classifier-free guidance on logits. Shapes: B samples, N image tokens, K codes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from unif2ace.errors import ConfigError

Convention = Literal["showo", "classic"]
Denoise = Callable[[Tensor, Tensor], Tensor]


def guide(conditional: Tensor, unconditional: Tensor, weight: float, convention: Convention = "showo") -> Tensor:
    """Guided logits, float32 or wider (...) (classifier-free guidance, arXiv 2207.12598, applied to logits).

    Args:
        conditional: float (...), logits c with the prompt.
        unconditional: float (...), logits u without the prompt, in the same shape.
        weight: Guidance weight, w.
        convention: ``showo``: (1 + w) c - w u, where w = 0 disables guidance (arXiv 2408.12528 and its code).
            ``classic``: u + w (c - u), where w = 1 disables guidance; w in ``classic`` equals w + 1 in ``showo``.

    Raises:
        ConfigError: If the convention is unknown.
    """
    factor = towards(weight, convention)
    wide = torch.promote_types(conditional.dtype, torch.float32)
    return unconditional.to(wide).lerp(conditional.to(wide), factor)


def towards(weight: float, convention: Convention = "showo") -> float:
    """Factor f of the guided logits u + f (c - u); for f = 1 they equal c, and u need not be computed.

    Raises:
        ConfigError: If the convention is unknown.
    """
    if convention not in ("showo", "classic"):
        raise ConfigError(
            f"guidance convention {convention!r}: it must be showo ((1 + w) c - w u) or classic (u + w (c - u))"
        )
    return 1 + weight if convention == "showo" else weight


def guided(conditional: Denoise, unconditional: Denoise, weight: float, convention: Convention = "showo") -> Denoise:
    """A denoiser with guided logits (B, N, K); `unconditional` is not called if guidance is disabled.

    Raises:
        ConfigError: If the convention is unknown.
    """
    if towards(weight, convention) == 1:
        return conditional

    def denoise(x_BN: Tensor, t_B: Tensor) -> Tensor:
        return guide(conditional(x_BN, t_B), unconditional(x_BN, t_B), weight, convention)

    return denoise


def guided_pairs(pairs: Denoise, weight: float, convention: Convention = "showo") -> Denoise:
    """A guided denoiser of codes (B, N); `pairs` denoises (2 B, N), first with and then without prompts, in one call.

    Raises:
        ConfigError: If the convention is unknown.
    """
    towards(weight, convention)

    def denoise(x_BN: Tensor, t_B: Tensor) -> Tensor:
        conditional_BNK, unconditional_BNK = pairs(torch.cat([x_BN, x_BN]), torch.cat([t_B, t_B])).chunk(2)
        return guide(conditional_BNK, unconditional_BNK, weight, convention)

    return denoise
