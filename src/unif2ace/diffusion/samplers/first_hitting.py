"""One code after the other, in random order, without steps of time. B, N, K as in base."""

from __future__ import annotations

import torch
from torch import Tensor

from unif2ace.diffusion.categorical import invert, weights
from unif2ace.diffusion.samplers.base import CachedDenoiser, Denoise, OnStep, RandomSource, Sampler


class FirstHittingSampler(Sampler):
    r"""First-hitting sampling (arXiv 2409.02908): the limit of infinitely many ancestral steps, in N network calls.

    Under the linear noise schedule the times at which codes are revealed are independent and uniform; the next of n
    masked codes is then revealed at :math:`t u^{1/n}`, a uniformly chosen one of them. Here all times are drawn first
    and followed from 1 down. The denoiser's time is the share that the linear noise schedule masks; with a denoiser
    that ignores
    it, the law is that of any noise schedule: codes drawn one by one in a uniformly random order.

    Args:
        cache: The denoiser ignores its times. Without it, there is one call more.
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
