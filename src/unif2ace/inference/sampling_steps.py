"""Reports the steps of a sampler, with the picture of the current state. Shapes: B samples, N = h w tokens, K codes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from unif2ace.diffusion.samplers.base import Sampler

GRAY = 128
Report = Callable[[int, float, "Tensor", "Tensor"], None]
"""Called with the step from 0, its time from 1 to 0, the codes after it, int64 (B, N) with K where masked, and the most
likely codes, int64 (B, N) in [0, K)."""


def observed(sampler: Sampler, report: Report) -> Sampler:
    """A sampler that samples the same codes as another, and reports each of its steps."""
    from unif2ace.diffusion.samplers.base import Denoise, OnStep, RandomSource, Sampler

    class ObservedSampler(Sampler):
        """Reports the steps of a sampler."""

        def sample(self, denoise: Denoise, x_BN: Tensor, rng: RandomSource, on_step: OnStep | None = None) -> Tensor:
            """Clean codes, int64 (B, N); see `Sampler.sample`."""
            last: list[tuple[Tensor, Tensor]] = []

            def seen(codes_BN: Tensor, t_B: Tensor) -> Tensor:
                logits_BNK = denoise(codes_BN, t_B)
                last[:] = [(logits_BNK, t_B)]
                return logits_BNK

            def done(step: int, codes_BN: Tensor) -> None:
                logits_BNK, t_B = last[0]
                likely_BN = logits_BNK.argmax(-1).where(codes_BN == logits_BNK.shape[-1], codes_BN)
                report(step, float(t_B[0]), codes_BN, likely_BN)
                if on_step is not None:
                    on_step(step, codes_BN)

            return sampler.sample(seen, x_BN, rng, done)

    return ObservedSampler()


def with_masks(images: Tensor, masked_BN: Tensor) -> Tensor:
    """Images whose masked tokens are gray.

    Args:
        images: uint8 (B, 3, S, S).
        masked_BN: bool (B, N), tokens that are not sampled yet.

    Returns:
        uint8 (B, 3, S, S).
    """
    side = round(masked_BN.shape[1] ** 0.5)
    cell = images.shape[-1] // side
    masked_BHW = masked_BN.view(-1, 1, side, side).repeat_interleave(cell, 2).repeat_interleave(cell, 3)
    return images.masked_fill(masked_BHW.to(images.device), GRAY)
