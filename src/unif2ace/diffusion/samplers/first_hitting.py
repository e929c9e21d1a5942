"""First-hitting sampling: one code at a time in random order, without time steps. Shapes as in `base`."""

from __future__ import annotations

import torch
from torch import Tensor

from unif2ace.diffusion.categorical import invert, weights
from unif2ace.diffusion.samplers.base import CachedDenoiser, Denoise, OnStep, RandomSource, Sampler


class FirstHittingSampler(Sampler):
    """First-hitting sampling (arXiv 2409.02908): equals infinitely many ancestral steps, in N network calls.

    Under the linear noise schedule, codes are revealed at independent, uniform times. The paper therefore picks one of
    n masked codes at random and moves to time :math:`t u^{1/n}`. Here all times are sampled in advance and processed
    from 1 to 0. The denoiser receives these times of the linear noise schedule. If the denoiser ignores the time, the
    result is valid for any noise schedule: codes are sampled one by one in uniformly random order.

    Args:
        cache: Whether the denoiser ignores the time; False adds one call.
    """

    def __init__(self, cache: bool = True) -> None:
        self.cache = cache

    @torch.no_grad()
    def sample(self, denoise: Denoise, x_BN: Tensor, rng: RandomSource, on_step: OnStep | None = None) -> Tensor:
        """Clean codes, int64 (B, N); see `Sampler.sample`."""
        ask, x_BN = CachedDenoiser(denoise, self.cache), x_BN.clone()
        when_BN, which_BN = rng.uniform(2 * x_BN.shape[1]).to(x_BN.device).chunk(2, 1)
        mask = ask(x_BN, torch.ones(len(x_BN), device=x_BN.device)).shape[-1]
        masked_BN = x_BN == mask
        order_BN = when_BN.masked_fill(~masked_BN, -1).argsort(1, descending=True)
        number_B = masked_BN.sum(1)
        for step in range(max(number_B.tolist(), default=0)):
            place_B = order_BN[:, step]
            row_R = (step < number_B).nonzero()[:, 0]
            place_R = place_B[row_R]
            logits_BNK = ask(x_BN, when_BN.gather(1, place_B[:, None])[:, 0].float())
            x_BN[row_R, place_R] = invert(weights(logits_BNK[row_R, place_R]), which_BN[row_R, place_R])
            if on_step is not None:
                on_step(step, x_BN)
        return x_BN
