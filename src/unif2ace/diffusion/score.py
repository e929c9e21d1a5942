"""Denoising score entropy (SEDD, arXiv 2310.16834) for absorbing and mixed noise.

The concrete score of a corrupted token z is the ratio :math:`s_y = q_t(y) / q_t(z)` for every y other than z. A network
predicts a distribution p over the clean code. Its score is the same ratio, with :math:`q_t` averaged over p.

Shapes: P tokens, K codes, G samples; r is the ratio alpha / (1 - alpha) of a masked token.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class NoiseMixture:
    r"""q(x_t | x_0) = alpha delta_x0 + mask delta_mask + uniform / K over the codes, with the noise rates.

    A noise component with probability b replaces any token at the rate :math:`b' - b \alpha' / \alpha`. The attributes
    hold this rate divided by b.

    Attributes:
        alpha: float (G,), probability of the clean code.
        mask: float (G,), probability of the mask.
        uniform: float (G,), total probability of random codes.
        mask_rate: float (G,), rate of the mask divided by `mask`; undefined if `mask` is 0.
        uniform_rate: float (G,), rate of random codes divided by `uniform`.
        sigma: float (G,), total noise rate, -alpha' / alpha.
    """

    alpha: Tensor
    mask: Tensor
    uniform: Tensor
    mask_rate: Tensor
    uniform_rate: Tensor
    sigma: Tensor

    def at(self, place: Tensor) -> NoiseMixture:
        """The mixtures of P tokens, selected by their sample indices, int64 (P,)."""
        return NoiseMixture(*(getattr(self, f.name)[place] for f in fields(self)))


def log_expm1(x: Tensor) -> Tensor:
    """log(e^x - 1) for x > 0, float (...), without overflow or cancellation; -log r if x is the total noise."""
    large = x > 0.69
    small_x = torch.where(large, 1.0, x)
    return torch.where(large, x + torch.log1p(-torch.exp(-x)), torch.expm1(small_x).log())


def absorbing_entropy(relative_PK: Tensor, target_P: Tensor) -> Tensor:
    r"""Denoising score entropy of masked tokens, divided by r; float (P,), non-negative.

    Formula (SEDD, arXiv 2310.16834, section 3.2, for the absorbing process): with :math:`l_v = \log(s_v / r)`,
    :math:`\frac1r \bigl[\sum_v s_v - r \log s_{x_0} + r (\log r - 1)\bigr] = \sum_v e^{l_v} - 1 - l_{x_0}`. If the
    scores are r times a distribution, this is the cross-entropy. Its factor in the likelihood bound is sigma r, which
    equals the weight w.

    Args:
        relative_PK: float (P, K), log score minus log r.
        target_P: int64 (P,), clean codes.
    """
    return torch.expm1(relative_PK.logsumexp(1)) - relative_PK.gather(1, target_P[:, None])[:, 0]


def paper_offset(weight: Tensor, alpha: Tensor) -> Tensor:
    r"""The constant that UniF2ace's score p / q with q = 1 - alpha adds to sigma times the entropy, float (...).

    Formula, per masked token: :math:`\sigma (1 + r \log \alpha) = w (1 / \alpha - 1 + \log \alpha)`. It has no
    gradient. Its integral over time and masks diverges if alpha approaches 0 at t = 1.

    Args:
        weight: float (...), weight w of the likelihood bound.
        alpha: float (...), probability that a token is not corrupted, above 0.
    """
    return weight * (1 / alpha - 1 + alpha.log())


def mixture_entropy(log_p_PK: Tensor, x0_P: Tensor, xt_P: Tensor, mixture: NoiseMixture) -> Tensor:
    r"""Denoising score entropy times q(x_t | x_0) for noise with random codes, float (P,), non-negative.

    Let q be the distribution of :math:`x_t` given :math:`x_0`, and :math:`q_\theta` given the prediction p. The value
    is :math:`KL(q \| q_\theta) + \frac{q(z)}{q_\theta(z)} - \log\frac{q(z)}{q_\theta(z)} - 1` at :math:`z = x_t` (GIDD,
    arXiv 2503.04482), which is :math:`q(z) \sum_{y \ne z} D(s_{\theta,y}, s_y)` with
    :math:`D = s_\theta - s \log s_\theta + s (\log s - 1)` (SEDD). It is computed as
    :math:`\sum_{y \ne z} q(y) \varphi(e_y - e_z)` with :math:`e = \log(q_\theta / q)` and
    :math:`\varphi(d) = e^d - 1 - d`, to avoid cancellation for small alpha.

    Args:
        log_p_PK: float (P, K), log-probabilities of the clean code.
        x0_P: int64 (P,), clean codes.
        xt_P: int64 (P,), corrupted codes, where K is the mask.
        mixture: Mixture of each token, (P,).
    """
    num_codes = log_p_PK.shape[1]
    odds_P1 = (mixture.alpha * num_codes / mixture.uniform)[:, None]
    wide_PK = torch.log1p(odds_P1 * log_p_PK.exp())
    is_x0_PK = torch.arange(num_codes, device=x0_P.device) == x0_P[:, None]
    excess_PK = wide_PK - torch.where(is_x0_PK, torch.log1p(odds_P1), 0)  # e
    of_code_P1 = excess_PK.gather(1, xt_P.clamp(max=num_codes - 1)[:, None])
    of_xt_P1 = torch.where((xt_P < num_codes)[:, None], of_code_P1, 0)
    gap_PK = _bregman(excess_PK - of_xt_P1)
    of_x0_P = gap_PK.gather(1, x0_P[:, None])[:, 0]
    of_mask_P = _bregman(-of_xt_P1)[:, 0]
    return mixture.uniform * gap_PK.mean(1) + mixture.alpha * of_x0_P + mixture.mask * of_mask_P


def mixture_weight(x0_P: Tensor, xt_P: Tensor, mixture: NoiseMixture, num_codes: int) -> Tensor:
    """Factor of `mixture_entropy` in the likelihood bound: the rate of noise into x_t over q(x_t | x_0), float (P,).

    Args:
        x0_P: int64 (P,), clean codes.
        xt_P: int64 (P,), corrupted codes, where K is the mask.
        mixture: Mixture of each token, (P,).
        num_codes: K.
    """
    odds_P = mixture.alpha * num_codes / mixture.uniform
    of_code_P = mixture.uniform_rate / torch.where(xt_P == x0_P, 1 + odds_P, 1)
    return torch.where(xt_P == num_codes, mixture.mask_rate, of_code_P)


def _bregman(d: Tensor) -> Tensor:
    """e^d - 1 - d; by its series near 0, to avoid cancellation."""
    small = d.abs() < 0.02
    near = torch.where(small, d, 0)
    series = near.square() / 2 * (1 + near / 3 * (1 + near / 4 * (1 + near / 5 * (1 + near / 6))))
    far = torch.where(small, 1.0, d)
    return torch.where(small, series, torch.expm1(far) - far)
