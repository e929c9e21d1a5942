"""Ancestral sampling with remasking, so that early mistakes can be corrected. Shapes as in `base`."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor

from unif2ace.diffusion.categorical import invert, weights
from unif2ace.diffusion.noise_schedules.base import NoiseSchedule
from unif2ace.diffusion.samplers.base import CachedDenoiser, Denoise, OnStep, RandomSource, Sampler, timesteps
from unif2ace.errors import ConfigError, nearest

Strategy = Literal["cap", "rescale", "conf", "loop", "forward_backward"]
STRATEGIES = ("cap", "rescale", "conf", "loop", "forward_backward")


class RemdmSampler(Sampler):
    r"""Remasking diffusion (ReMDM, arXiv 2503.00307).

    A step from t to s masks an unmasked code with probability :math:`\sigma`, and reveals a masked code with
    probability :math:`(\alpha_s - (1 - \sigma) \alpha_t) / (1 - \alpha_t)`. The fraction of unmasked codes is then
    :math:`\alpha_s`. Every strategy sets :math:`\sigma`, limited to
    :math:`\sigma_{max} = \min(1, (1 - \alpha_s) / \alpha_t)`:

    - ``cap``: :math:`\eta`; - ``rescale``: :math:`\eta \sigma_{max}`; - ``forward_backward``:
    :math:`(\alpha_s - \alpha_t) / \alpha_t`, which masks as many codes as an ancestral step reveals; - ``conf``:
    :math:`\sigma_{max}` times the softmax of -p over a sample's unmasked codes, with the probability p with which a
    code was sampled. Masked codes are revealed as in an ancestral step, so the fraction of unmasked codes is below
    :math:`\alpha_s`; - ``loop``: :math:`\eta` while t falls from `t_on` to `t_off`, else 0. This strategy replaces the
    noise schedule: alpha rises linearly to `alpha_on`, stays constant during the loop, and then rises linearly to 1.

    Codes known at the start are never masked, and the last step reveals all codes.

    Args:
        noise_schedule: The noise schedule; may differ from the noise schedule of training.
        steps: Number of steps; almost every step calls the network.
        strategy: One of the strategies above.
        eta: :math:`\eta` in [0, 1].
        t_on: Time at which the loop starts, in (t_off, 1).
        t_off: Time at which the loop ends, above 0.
        alpha_on: Fraction of unmasked codes during the loop, in (0, 1).
        cache: Whether to call the denoiser again only after a code has changed; valid if it ignores the time.

    Raises:
        ConfigError: If `steps` is below 1, the strategy is unknown or a value is out of range.
    """

    def __init__(
        self,
        noise_schedule: NoiseSchedule,
        steps: int = 128,
        strategy: Strategy = "cap",
        eta: float = 0.02,
        t_on: float = 0.55,
        t_off: float = 0.05,
        alpha_on: float = 0.9,
        cache: bool = True,
    ) -> None:
        if strategy not in STRATEGIES:
            hint = nearest(str(strategy), STRATEGIES)
            raise ConfigError(f"sampler.strategy={strategy!r}: it must be one of {', '.join(STRATEGIES)}{hint}")
        if not 0 <= eta <= 1:
            raise ConfigError(f"sampler.eta={eta}: it must be in [0, 1]")
        if strategy == "loop" and not (0 < t_off < t_on < 1 and 0 < alpha_on < 1):
            raise ConfigError(
                f"sampler.t_off={t_off}, sampler.t_on={t_on}, sampler.alpha_on={alpha_on}: they must satisfy "
                "0 < t_off < t_on < 1 and 0 < alpha_on < 1"
            )
        self.strategy, self.eta, self.t_on, self.t_off, self.alpha_on = strategy, eta, t_on, t_off, alpha_on
        self.noise_schedule, self.cache, self.time = noise_schedule, cache, timesteps(steps)

    @torch.no_grad()
    def sample(self, denoise: Denoise, x_BN: Tensor, rng: RandomSource, on_step: OnStep | None = None) -> Tensor:
        """Clean codes, int64 (B, N); see `Sampler.sample`."""
        ask, x_BN = CachedDenoiser(denoise, self.cache), x_BN.clone()
        mask = ask(x_BN, torch.ones(len(x_BN), device=x_BN.device)).shape[-1]
        free_BN = x_BN == mask
        drawn_BN = torch.zeros(x_BN.shape, dtype=torch.float64, device=x_BN.device)
        for step, (t, s) in enumerate(pairwise(self.time.tolist())):
            move_BN, which_BN = rng.uniform(2 * x_BN.shape[1]).to(x_BN.device).chunk(2, 1)
            masked_BN = x_BN == mask
            again, reveal = self.chances(t, s, drawn_BN, free_BN & ~masked_BN)
            again_BN = (move_BN < again) & free_BN & ~masked_BN
            now_BN = (move_BN < reveal) & masked_BN
            if bool(now_BN.any()):
                logits_BNK = ask(x_BN, torch.full((len(x_BN),), t, device=x_BN.device))
                weight_PK = weights(logits_BNK[now_BN])
                code_P = invert(weight_PK, which_BN[now_BN])
                drawn_BN[now_BN] = (weight_PK.gather(-1, code_P[:, None])[:, 0] / weight_PK.sum(-1)).double()
                x_BN[now_BN] = code_P
            x_BN[again_BN] = mask
            if on_step is not None:
                on_step(step, x_BN)
        return x_BN

    def chances(self, t: float, s: float, drawn_BN: Tensor, may_BN: Tensor) -> tuple[Tensor, float]:
        """Probabilities of a step from t to s.

        Args:
            t: Time before the step, in (0, 1].
            s: Time after the step, in [0, t).
            drawn_BN: float64 (B, N), probability with which each unmasked code was sampled.
            may_BN: bool (B, N), unmasked codes that may be masked again.

        Returns:
            The probability to mask an unmasked code, float64 (B, N) or (), and the probability to reveal a masked code.
        """
        alpha_t, alpha_s = self.alpha(t), self.alpha(s)
        limit = min(1.0, (1 - alpha_s) / alpha_t) if alpha_t > 0 else 1.0
        sigma = torch.tensor(min(self._sigma(t, alpha_t, alpha_s, limit), limit), dtype=torch.float64)
        if s <= 0:
            return torch.zeros_like(sigma), 1.0
        if self.strategy == "conf":
            share_BN = (-drawn_BN).masked_fill(~may_BN, -torch.inf).softmax(1).nan_to_num()
            return limit * share_BN, (alpha_s - alpha_t) / (1 - alpha_t)
        return sigma.to(drawn_BN.device), (alpha_s - (1 - sigma.item()) * alpha_t) / (1 - alpha_t)

    def alpha(self, t: float) -> float:
        """Fraction of unmasked codes at time t."""
        if self.strategy != "loop":
            return self.noise_schedule.alpha(torch.tensor(t, dtype=torch.float64)).item()
        if t > self.t_on:
            return self.alpha_on * (1 - t) / (1 - self.t_on)
        return self.alpha_on + (1 - self.alpha_on) * max(0.0, 1 - t / self.t_off)

    def _sigma(self, t: float, alpha_t: float, alpha_s: float, limit: float) -> float:
        """The strategy's sigma before the limit."""
        if self.strategy == "loop":
            return self.eta if self.t_off < t <= self.t_on else 0.0
        if self.strategy == "forward_backward":
            return (alpha_s - alpha_t) / alpha_t if alpha_t > 0 else 1.0
        return self.eta * limit if self.strategy == "rescale" else self.eta
