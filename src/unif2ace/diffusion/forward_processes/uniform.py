"""The uniform process: corrupted tokens become random codes. Shapes: G samples, N image tokens, K codes."""

from __future__ import annotations

import torch
from torch import Tensor

from unif2ace.diffusion.forward_processes.base import ForwardProcess
from unif2ace.diffusion.score import NoiseMixture


class UniformProcess(ForwardProcess):
    r"""Random codes: :math:`q(x_t | x_0) = \alpha_t \delta_{x_0} + (1 - \alpha_t) / K` for each token.

    Corrupted tokens are not marked, so the network must detect which tokens are wrong (D3PM, arXiv 2107.03006, section
    3.1; SEDD, arXiv 2310.16834). The random code equals the clean code with probability 1 / K.
    """

    name = "uniform"

    def replace(self, x0_GN: Tensor, chosen_GN: Tensor, uniform_GN: Tensor, num_codes: int) -> Tensor:
        """Codes (G, N) with random codes where `chosen_GN` is True."""
        noise_GN = (uniform_GN * num_codes).long().clamp(max=num_codes - 1)
        return torch.where(chosen_GN, noise_GN, x0_GN)

    def mixture(self, t_G: Tensor) -> NoiseMixture:
        """Probabilities and rates (G,) at times in (0, 1]; alpha is at least 1e-7, which keeps rates finite."""
        clean_G, noise_G = self.noise_schedule.alpha(t_G).clamp(min=1e-7), self.noise_schedule.masked(t_G)
        none_G, rate_G = torch.zeros_like(clean_G), self.noise_schedule.weight(t_G) / clean_G
        return NoiseMixture(clean_G, none_G, noise_G, none_G, rate_G, rate_G * noise_G)
