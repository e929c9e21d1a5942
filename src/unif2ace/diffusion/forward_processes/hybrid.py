"""The hybrid process: corrupted tokens become the mask or a random code. Shapes: G samples, N image tokens, K codes."""

from __future__ import annotations

import torch
from torch import Tensor

from unif2ace.diffusion.forward_processes.base import ForwardProcess
from unif2ace.diffusion.noise import SampleNoise
from unif2ace.diffusion.noise_schedules.base import NoiseSchedule
from unif2ace.diffusion.score import NoiseMixture
from unif2ace.errors import ConfigError
from unif2ace.types import CorruptedTokens


class HybridProcess(ForwardProcess):
    r"""A mixture of masks and random codes (GIDD, arXiv 2503.04482), so unmasked tokens may be wrong too.

    Let m be the mask ratio of the noise schedule (GIDD uses ``linear``, m = t). A token keeps its code with probability
    :math:`\alpha = (1 - m) / C`, becomes the mask with m / C and a random code with c / C. Here
    :math:`c = 2^\gamma \frac{p}{1 - p} (m (1 - m))^{\gamma/2}` and C = 1 + c. At m = 1/2 the random codes have
    probability p. Tokens are corrupted independently.

    Args:
        noise_schedule: The noise schedule of m.
        p_uniform: p, in (0, 1); near 0 the process is nearly the absorbing process.
        gamma: :math:`\gamma`, in (0, 2); the larger, the faster the probability of random codes falls at both ends.
        t_min: Smallest time, in [0, 1); times are sampled from [t_min, 1].

    Raises:
        ConfigError: If p_uniform or gamma is out of range.
    """

    name = "hybrid"

    def __init__(
        self, noise_schedule: NoiseSchedule, p_uniform: float = 0.1, gamma: float = 1.0, t_min: float = 1e-3
    ) -> None:
        super().__init__(noise_schedule, "bernoulli", t_min)
        if not 0 < p_uniform < 1:
            raise ConfigError(
                f"forward_process.p_uniform={p_uniform}: it must be in (0, 1); for 0 set forward_process=absorbing"
            )
        if not 0 < gamma < 2:
            raise ConfigError(f"forward_process.gamma={gamma}: it must be in (0, 2)")
        self.p_uniform, self.gamma = p_uniform, gamma

    def mixture(self, t_G: Tensor) -> NoiseMixture:
        """Probabilities and rates (G,) at times in (0, 1]; m and 1 - m are at least 1e-7, which keeps rates finite."""
        clean_G = self.noise_schedule.alpha(t_G).clamp(1e-7, 1 - 1e-7)
        m_G = self.noise_schedule.masked(t_G).clamp(1e-7, 1 - 1e-7)
        slope_G = self.noise_schedule.weight(t_G) * m_G  # dm / dt
        scale = 2**self.gamma * self.p_uniform / (1 - self.p_uniform)
        c_G = scale * (m_G * clean_G) ** (self.gamma / 2)
        all_G = 1 + c_G
        log_slope_G = self.gamma / 2 * (1 / m_G - 1 / clean_G)  # of c
        return NoiseMixture(
            alpha=clean_G / all_G,
            mask=m_G / all_G,
            uniform=c_G / all_G,
            mask_rate=slope_G / (m_G * clean_G),
            uniform_rate=slope_G * (self.gamma / (2 * m_G) + (1 - self.gamma / 2) / clean_G),
            sigma=slope_G * (1 / clean_G + c_G / all_G * log_slope_G),
        )

    def replace(self, x0_GN: Tensor, chosen_GN: Tensor, uniform_GN: Tensor, num_codes: int) -> Tensor:
        """Codes (G, N) with noise where `chosen_GN`: the mask where `uniform_GN` is 1 or more, else a random code."""
        noise_GN = (uniform_GN * num_codes).clamp(max=num_codes).long()
        return torch.where(chosen_GN, noise_GN, x0_GN)

    def corrupt(self, sample_G: Tensor, x0_GN: Tensor, noise: SampleNoise, num_codes: int) -> CorruptedTokens:
        """Corrupts codes (G, N), see `ForwardProcess.corrupt`; alpha, weight and sigma describe the mixture."""
        t_G = self.times(noise.time)
        mixture = self.mixture(t_G)
        noise_G = mixture.mask + mixture.uniform
        stretched_GN = noise.replacement * (noise_G / mixture.uniform)[:, None]
        xt_GN = self.replace(x0_GN, self.choose(noise_G, noise.choice), stretched_GN, num_codes)
        weight_G = mixture.sigma * mixture.alpha / noise_G
        return CorruptedTokens(sample_G, x0_GN, xt_GN, t_G, mixture.alpha, weight_G, mixture.sigma)
