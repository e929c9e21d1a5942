"""Confidence-ordered parallel decoding: sample all masked codes, remask the least confident. Shapes as in `base`."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from unif2ace.diffusion.categorical import weights
from unif2ace.diffusion.noise_schedules.base import NoiseSchedule
from unif2ace.diffusion.noise_schedules.cosine_maskgit import CosineMaskgitSchedule
from unif2ace.diffusion.samplers.base import Denoise, OnStep, RandomSource, Sampler, timesteps
from unif2ace.errors import ConfigError

TemperatureSchedule = Literal["linear", "showo"]


class MaskgitSampler(Sampler):
    r"""MaskGIT's parallel decoding (arXiv 2202.04200, section 3.2), as in Show-o (arXiv 2408.12528).

    Step k of T samples all :math:`u_k` masked codes, and masks the :math:`n_k` least confident of them again. The
    confidence is :math:`\log p + \tau_k g`, with the probability p of the sampled code after guidance and filters, and
    Gumbel noise g. Let r = (k + 1) / T, and m the mask ratio of the noise schedule at time 1 - r. Then
    :math:`n_k = \max(1, \min(u_k - 1, \lfloor m N \rfloor))`; it is 0 in the last step and for :math:`u_k = 1`. If m N
    is an integer, m N - 1 is used, which matches Show-o's float32 arithmetic. The sampler is not exact: selection by
    confidence prefers common codes.

    Args:
        noise_schedule: Determines the mask ratio m of each step; None for `CosineMaskgitSchedule`.
        steps: T, the maximum number of network calls.
        temperature: :math:`\tau`, scale of the confidence noise, non-negative; 0 always keeps the most confident codes.
        temperature_schedule: With ``linear``, :math:`\tau_k = \tau (1 - r)`. With ``showo``, :math:`\tau_k` is
            :math:`\tau` times the product of (1 - r) over all steps so far, which falls much faster.
        mask_count_base: N in :math:`n_k`: the number of codes ``masked`` at the start, or of ``all`` codes of the
            image. With ``all``, as in Show-o, inpainting reveals one code per step until :math:`m N` is below the
            number of masked codes.

    Raises:
        ConfigError: If `steps` is below 1, the temperature is negative or a choice is unknown.
    """

    def __init__(
        self,
        noise_schedule: NoiseSchedule | None = None,
        steps: int = 16,
        temperature: float = 1.0,
        temperature_schedule: TemperatureSchedule = "linear",
        mask_count_base: Literal["masked", "all"] = "masked",
    ) -> None:
        if temperature < 0:
            raise ConfigError(f"sampler.temperature={temperature}: it must be 0 or more")
        if temperature_schedule not in ("linear", "showo"):
            raise ConfigError(f"sampler.temperature_schedule={temperature_schedule!r}: it must be linear or showo")
        if mask_count_base not in ("masked", "all"):
            raise ConfigError(f"sampler.mask_count_base={mask_count_base!r}: it must be masked or all")
        self.time, self.mask_count_base = timesteps(steps)[:-1], mask_count_base
        left = timesteps(steps)[1:]
        self.share = (noise_schedule or CosineMaskgitSchedule()).masked(left)
        """float64 (T,), mask ratio m after each step."""
        self.temperature = temperature * (left if temperature_schedule == "linear" else left.cumprod(0))
        """float64 (T,), temperature of each step."""

    @torch.no_grad()
    def sample(self, denoise: Denoise, x_BN: Tensor, rng: RandomSource, on_step: OnStep | None = None) -> Tensor:
        """Clean codes, int64 (B, N); see `Sampler.sample`."""
        x_BN, start_B = x_BN.clone(), None
        for step, time in enumerate(self.time.tolist()):
            logits_BNK = denoise(x_BN, torch.full((len(x_BN),), time, device=x_BN.device))
            mask = logits_BNK.shape[-1]
            masked_BN = x_BN == mask
            start_B = masked_BN.sum(1) if start_B is None else start_B
            keep_B = self.stays(step, masked_BN.sum(1), start_B if self.mask_count_base == "masked" else x_BN.shape[1])
            x_BN = self._step(step, logits_BNK, x_BN, masked_BN, keep_B, rng)
            if on_step is not None:
                on_step(step, x_BN)
            if not bool((x_BN == mask).any()):
                break
        return x_BN

    def stays(self, step: int, masked_B: Tensor, number_B: Tensor | int) -> Tensor:
        """Number of codes that stay masked after a step, int64 (B,), from the numbers (B,) masked before and N (B,)."""
        if step == len(self.share) - 1:
            return torch.zeros_like(masked_B)
        law_B = ((self.share[step].item() - 1e-6) * torch.as_tensor(number_B, dtype=torch.float64)).floor()
        return law_B.to(masked_B).minimum(masked_B - 1).clamp(min=1) * (masked_B > 1)

    def _step(
        self, step: int, logits_BNK: Tensor, x_BN: Tensor, masked_BN: Tensor, keep_B: Tensor, rng: RandomSource
    ) -> Tensor:
        weight_PK = weights(logits_BNK[masked_BN])
        code_P = rng.categorical(weight_PK, masked_BN)
        sure_BN = torch.zeros(x_BN.shape, dtype=torch.float64, device=x_BN.device)
        sure_BN[masked_BN] = (weight_PK.gather(-1, code_P[:, None])[:, 0] / weight_PK.sum(-1)).double().log()
        if (temperature := self.temperature[step].item()) > 0:
            sure_BN -= temperature * (-rng.uniform(x_BN.shape[1]).to(sure_BN.device).log()).log()
        rank_BN = sure_BN.masked_fill(~masked_BN, torch.inf).argsort(dim=1, stable=True).argsort(1)
        new_BN = x_BN.masked_scatter(masked_BN, code_P)
        return new_BN.masked_fill((rank_BN < keep_B[:, None]) & masked_BN, logits_BNK.shape[-1])
