"""Temperature, top-k and top-p filtering of logits. Shapes: P positions, K codes, B samples, N image tokens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from unif2ace.diffusion.categorical import invert, weights
from unif2ace.errors import ConfigError

Denoise = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class Filter:
    """Temperature, then top-k, then top-p filtering of logits (P, K).

    Attributes:
        temperature: Divides the logits; above 0.
        top_k: Keep only the k most likely codes, plus ties with the k-th; 0 keeps all.
        top_p: Keep only the most likely codes that together reach this probability, in (0, 1], including the code that
            crosses it; 1 keeps all.

    Raises:
        ConfigError: If a value is out of range.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise ConfigError(f"temperature={self.temperature}: it must be above 0; top_k=1 takes the most likely code")
        if self.top_k < 0:
            raise ConfigError(f"top_k={self.top_k}: it must be 0 or more; 0 keeps all codes")
        if not 0 < self.top_p <= 1:
            raise ConfigError(f"top_p={self.top_p}: it must be in (0, 1]; 1 keeps all codes")

    def __call__(self, logits_PK: Tensor) -> Tensor:
        """The filtered logits, float32 or wider (P, K); -inf for removed codes."""
        wide_PK = logits_PK.to(torch.promote_types(logits_PK.dtype, torch.float32))
        wide_PK = wide_PK if self.temperature == 1 else wide_PK / self.temperature
        keep = min(self.top_k or wide_PK.shape[-1], wide_PK.shape[-1])
        if keep == wide_PK.shape[-1] and self.top_p >= 1:
            return wide_PK
        falling_PK = _falling(wide_PK)[:, :keep]
        last_P1 = torch.full((len(wide_PK), 1), keep - 1, device=wide_PK.device)
        if self.top_p < 1:
            share_P = torch.full((len(wide_PK),), self.top_p, dtype=torch.float64, device=wide_PK.device)
            last_P1 = invert(weights(falling_PK), share_P)[:, None]
        return wide_PK.masked_fill(wide_PK < falling_PK.gather(-1, last_P1), -torch.inf)


def filtered(denoise: Denoise, filter: Filter) -> Denoise:
    """A denoiser whose logits (B, N, K) are filtered at masked positions and unchanged elsewhere.

    Apply guidance first: ``filtered(guided(...), Filter(top_p=0.9))``.
    """
    if filter == Filter():
        return denoise

    def sharper(x_BN: Tensor, t_B: Tensor) -> Tensor:
        logits_BNK = denoise(x_BN, t_B)
        masked_BN = x_BN == logits_BNK.shape[-1]
        if bool(masked_BN.all()):
            return filter(logits_BNK.flatten(0, 1)).view(logits_BNK.shape)
        sharp_PK = filter(logits_BNK[masked_BN])
        out_BNK = logits_BNK.to(sharp_PK.dtype, copy=True)
        out_BNK[masked_BN] = sharp_PK
        return out_BNK

    return sharper


def _falling(values_PK: Tensor) -> Tensor:
    """The values (P, K) in descending order; on the CPU by numpy, which sorts floats many times faster than torch."""
    if values_PK.device.type != "cpu":
        return values_PK.sort(-1, descending=True).values
    array = values_PK.detach().neg().numpy()
    array.sort(axis=-1)
    return torch.from_numpy(np.negative(array, out=array))
