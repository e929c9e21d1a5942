"""Tweedie tau-leaping: ancestral sampling for scores that need not be normalised. Shapes as in `base`."""

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


class AnalyticSampler(Sampler):
    r"""Tweedie tau-leaping of an absorbing diffusion (SEDD, arXiv 2310.16834, section 4).

    Logits l define the scores :math:`s_v = r_t e^{l_v}` with :math:`r_t = \alpha_t / (1 - \alpha_t)`. A step from t to
    s reveals a masked code as v with probability :math:`(\alpha_s - \alpha_t) / (1 - \alpha_t) \, e^{l_v}`; the sum
    over v is limited to 1. For normalised logits, :math:`\sum_v e^{l_v} = 1`, this equals an ancestral step. The last
    step reveals all codes.

    Args:
        noise_schedule: The noise schedule; scores that are not normalised require the noise schedule of training.
        steps: Number of steps, T.
        normalise: Whether logits are normalised first. Otherwise their total mass multiplies the probability that a
            code is revealed.
        cache: Whether to call the denoiser again only after a code has changed; valid if it ignores the time.

    Raises:
        ConfigError: If `steps` is below 1.
    """

    def __init__(
        self, noise_schedule: NoiseSchedule, steps: int = 128, normalise: bool = True, cache: bool = True
    ) -> None:
        self.time, self.normalise, self.cache = timesteps(steps), normalise, cache
        self.reveals = 1 - stay_masked_prob(noise_schedule, self.time[:-1], self.time[1:])
        """float64 (T,), probability that a code is revealed in each step, for normalised logits."""

    @torch.no_grad()
    def sample(self, denoise: Denoise, x_BN: Tensor, rng: RandomSource, on_step: OnStep | None = None) -> Tensor:
        """Clean codes, int64 (B, N); see `Sampler.sample`."""
        ask, x_BN = CachedDenoiser(denoise, self.cache), x_BN.clone()
        mask = ask(x_BN, torch.ones(len(x_BN), device=x_BN.device)).shape[-1]
        for step, reveal in enumerate(self.reveals.tolist()):
            move_BN, which_BN = rng.uniform(2 * x_BN.shape[1]).to(x_BN.device).chunk(2, 1)
            masked_BN = x_BN == mask
            if not bool(masked_BN.any()):
                break
            t_B = torch.full((len(x_BN),), self.time[step].item(), device=x_BN.device)
            now_BN = masked_BN & (move_BN < self.chance(reveal, None))
            if not self.normalise and reveal < 1:
                now_BN = masked_BN.clone()
                now_BN[masked_BN] = move_BN[masked_BN] < self.chance(reveal, ask(x_BN, t_B)[masked_BN])
            if bool(now_BN.any()):
                x_BN[now_BN] = invert(weights(ask(x_BN, t_B)[now_BN]), which_BN[now_BN])
                if on_step is not None:
                    on_step(step, x_BN)
        return x_BN

    @staticmethod
    def chance(reveal: float, logits_PK: Tensor | None) -> Tensor:
        """Probability that a code is revealed, float64 (P,); float64 () for normalised logits, passed as None."""
        if logits_PK is None:
            return torch.tensor(reveal, dtype=torch.float64)
        return (reveal * logits_PK.double().logsumexp(-1).exp()).clamp(max=1)
