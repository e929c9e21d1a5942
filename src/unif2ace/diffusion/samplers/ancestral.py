"""Ancestral sampling: each masked code is sampled once, at a random time. Shapes as in `base`."""

from __future__ import annotations

import torch
from torch import Tensor

from unif2ace.diffusion.categorical import invert, weights
from unif2ace.diffusion.noise_schedules.base import NoiseSchedule
from unif2ace.diffusion.samplers.base import (
    CachedDenoiser,
    Denoise,
    OnStep,
    RandomSource,
    Sampler,
    stay_masked_prob,
    timesteps,
)


class AncestralSampler(Sampler):
    r"""Ancestral sampling of an absorbing diffusion in T steps (MDLM, arXiv 2406.07524).

    A step from t to s reveals a masked code with probability :math:`(\alpha_s - \alpha_t) / (1 - \alpha_t)` and samples
    it from the denoiser. The step at which a code is revealed does not depend on the logits and is sampled in advance.
    The network is called only in steps that reveal a code, at most min(T, N) times per sample. The distribution of the
    codes equals that of T separate steps.

    Args:
        noise_schedule: The noise schedule; may differ from the noise schedule of training.
        steps: T, number of time steps.
        cache: Whether to call the denoiser again only after a code has changed; valid if it ignores the time. False
            adds at most one call.

    Raises:
        ConfigError: If `steps` is below 1.
    """

    def __init__(self, noise_schedule: NoiseSchedule, steps: int = 128, cache: bool = True) -> None:
        self.time, self.cache = timesteps(steps), cache
        self.masked = stay_masked_prob(noise_schedule, self.time[:-1], self.time[1:]).cumprod(0)
        """float64 (T,), probability that a code is still masked after each step."""

    @torch.no_grad()
    def sample(self, denoise: Denoise, x_BN: Tensor, rng: RandomSource, on_step: OnStep | None = None) -> Tensor:
        """Clean codes, int64 (B, N); see `Sampler.sample`."""
        ask, x_BN = CachedDenoiser(denoise, self.cache), x_BN.clone()
        when_BN, which_BN = rng.uniform(2 * x_BN.shape[1]).to(x_BN.device).chunk(2, 1)
        mask = ask(x_BN, torch.ones(len(x_BN), device=x_BN.device)).shape[-1]
        step_BN = self.step_of(when_BN).masked_fill(x_BN != mask, -1)
        for step in torch.unique(step_BN).tolist():
            if step < 0:
                continue
            logits_BNK = ask(x_BN, torch.full((len(x_BN),), self.time[step].item(), device=x_BN.device))
            now_BN = step_BN == step
            x_BN[now_BN] = invert(weights(logits_BNK[now_BN]), which_BN[now_BN])
            if on_step is not None:
                on_step(step, x_BN)
        return x_BN

    def step_of(self, uniform_BN: Tensor) -> Tensor:
        """int64 (B, N) in [0, T), the step that reveals each code: the first step after which P(masked) <= u."""
        rising_T = self.masked.flip(0).to(uniform_BN.device)
        return len(rising_T) - torch.searchsorted(rising_T, uniform_BN.contiguous(), right=True)
