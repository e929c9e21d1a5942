"""Classifier-free guidance: away from what the network says without a prompt. B rows, N image tokens, K codes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from unif2ace.errors import ConfigError

Convention = Literal["showo", "classic"]
Denoise = Callable[[Tensor, Tensor], Tensor]


def guide(conditional: Tensor, unconditional: Tensor, weight: float, convention: Convention = "showo") -> Tensor:
    """Guided logits, float32 or wider, any shape (classifier-free guidance, arXiv 2207.12598, on logits).

    Args:
        conditional: Logits c with the prompt.
        unconditional: Logits u without it, in the same shape.
        weight: How strong, w.
        convention: ``showo``: (1 + w) c - w u, where 0 is off (arXiv 2408.12528 and its code). ``classic``:
            u + w (c - u), where 1 is off; its w is Show-o's plus 1.

    Raises:
        ConfigError: If the convention is unknown.
    """
    factor = towards(weight, convention)
    wide = torch.promote_types(conditional.dtype, torch.float32)
    return unconditional.to(wide).lerp(conditional.to(wide), factor)


def towards(weight: float, convention: Convention = "showo") -> float:
    """How far from u to c, and beyond, the guided logits lie: 1 is c itself, for which u need not be computed.

    Raises:
        ConfigError: If the convention is unknown.
    """
    if convention not in ("showo", "classic"):
        raise ConfigError(
            f"guidance convention {convention!r}: give showo ((1 + w) c - w u) or classic (u + w (c - u))"
        )
    return 1 + weight if convention == "showo" else weight


def guided(conditional: Denoise, unconditional: Denoise, weight: float, convention: Convention = "showo") -> Denoise:
    """A denoiser that guides one with its prompt by one without; the latter is not called if guidance is off.

    Raises:
        ConfigError: If the convention is unknown.
    """
    if towards(weight, convention) == 1:
        return conditional

    def denoise(x_BN: Tensor, t_B: Tensor) -> Tensor:
        return guide(conditional(x_BN, t_B), unconditional(x_BN, t_B), weight, convention)

    return denoise


def guided_pairs(pairs: Denoise, weight: float, convention: Convention = "showo") -> Denoise:
    """A denoiser of B rows from one of 2 B: the same codes with the prompts, then without, in one network call.

    Raises:
        ConfigError: If the convention is unknown.
    """
    towards(weight, convention)

    def denoise(x_BN: Tensor, t_B: Tensor) -> Tensor:
        conditional_BNK, unconditional_BNK = pairs(torch.cat([x_BN, x_BN]), torch.cat([t_B, t_B])).chunk(2)
        return guide(conditional_BNK, unconditional_BNK, weight, convention)

    return denoise
