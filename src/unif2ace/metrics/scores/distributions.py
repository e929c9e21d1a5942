"""Distances between the distributions of two sets of features. Shapes: N and M samples, D features, R resamples.

Bootstrap resamples repeat samples, which shifts a Frechet or kernel distance. Intervals of these distances are
therefore the value plus and minus 1.96 standard deviations of the resampled distances, not their quantiles.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from unif2ace.metrics.scores.bootstrap import Score, bootstrap_mean

_BLOCK = 4096
"""Maximum number of rows of an N x M matrix of kernels or distances in memory."""


@dataclass(frozen=True, slots=True)
class Manifold:
    """Improved precision and recall (Kynkaanniemi et al., arXiv 1904.06991, section 3.1).

    Attributes:
        precision: Fraction of generated samples inside the manifold of real samples, 0 to 1.
        recall: Fraction of real samples inside the manifold of generated samples, 0 to 1.
    """

    precision: Score
    recall: Score


def frechet(made_ND: Tensor, real_MD: Tensor, resamples: int = 0, seed: int = 0) -> Score:
    r"""Squared Frechet distance between Gaussians fitted to two sets of features (arXiv 1706.08500, eq. 6).

    Formula: :math:`\lVert m - m' \rVert^2 + \mathrm{tr}(C + C' - 2 (C C')^{1/2})`. No matrix root is computed: the
    trace of :math:`(C C')^{1/2}` is the sum of the singular values of X Y^T, divided by :math:`\sqrt{(N - 1)(M - 1)}`,
    with centred features X and Y. The distance is biased upwards: compare it only for equal numbers of samples.

    Args:
        made_ND: float (N, D), features of generated images.
        real_MD: float (M, D), features of real images.
        resamples: Bootstrap resamples of both sets, each with a singular value decomposition; 0 for no interval.
        seed: Seed of the resamples.

    Returns:
        The distance, 0 or more; NaN with fewer than 2 samples in a set.
    """
    x_ND, y_MD = made_ND.double().cpu(), real_MD.double().cpu()
    if min(len(x_ND), len(y_MD)) < 2:
        return Score(math.nan)
    value = _frechet(x_ND, y_MD)
    draw = torch.Generator().manual_seed(seed)
    found = [
        _frechet(*(z[torch.randint(len(z), (len(z),), generator=draw)] for z in (x_ND, y_MD))) for _ in range(resamples)
    ]
    return _around(value, torch.tensor(found, dtype=torch.float64), len(x_ND))


def kernel(made_ND: Tensor, real_MD: Tensor, resamples: int = 0, seed: int = 0) -> Score:
    r"""Unbiased squared maximum mean discrepancy with the kernel of KID (arXiv 1801.01401, section 4).

    The kernel is :math:`k(a, b) = (a \cdot b / D + 1)^3`. The value is computed from all pairs,
    whereas the usual estimate averages over random subsets.

    Args:
        made_ND: float (N, D), features of generated images.
        real_MD: float (M, D), features of real images.
        resamples: Bootstrap resamples of both sets; 0 for no interval.
        seed: Seed of the resamples.

    Returns:
        The distance, around 0 for equal distributions; NaN with fewer than 2 samples in a set.
    """
    x_ND, y_MD = made_ND.double().cpu(), real_MD.double().cpu()
    n, m = len(x_ND), len(y_MD)
    if min(n, m) < 2:
        return Score(math.nan)
    draw = torch.Generator().manual_seed(seed)
    times_RN, times_RM = (
        torch.cat([torch.ones(1, z, dtype=torch.float64), _counts(z, resamples, draw)]) for z in (n, m)
    )
    # pairs of one sample with itself are left out, also where a resample repeats the sample
    pairs_R = _pairs(x_ND, x_ND, times_RN, times_RN, own=False) / _different(times_RN)
    pairs_R += _pairs(y_MD, y_MD, times_RM, times_RM, own=False) / _different(times_RM)
    pairs_R -= 2 * _pairs(x_ND, y_MD, times_RN, times_RM, own=True) / (n * m)
    return _around(float(pairs_R[0]), pairs_R[1:], n)


def precision_recall(
    made_ND: Tensor, real_MD: Tensor, neighbours: int = 3, resamples: int = 0, seed: int = 0
) -> Manifold:
    """Improved precision and recall: the fractions of samples that lie in the other set's manifold.

    A set's manifold is the union of balls around its samples. The radius of a ball is the distance to the sample's k-th
    nearest neighbour in the set. The intervals resample the tested samples and keep the manifolds fixed.

    Args:
        made_ND: float (N, D), features of generated images.
        real_MD: float (M, D), features of real images.
        neighbours: k; each set needs more than k samples, otherwise both values are NaN.
        resamples: Number of bootstrap resamples; 0 for no interval.
        seed: Seed of the resamples.
    """
    made_ND, real_MD = made_ND.float().cpu(), real_MD.float().cpu()
    if min(len(made_ND), len(real_MD)) <= neighbours:
        undefined = Score(math.nan)
        return Manifold(undefined, undefined)
    precision_N, recall_M = _inside(made_ND, real_MD, neighbours), _inside(real_MD, made_ND, neighbours)
    return Manifold(*(bootstrap_mean(inside, resamples, seed) for inside in (precision_N, recall_M)))


def _around(value: float, resampled_R: Tensor, samples: int) -> Score:
    if len(resampled_R) < 2:
        return Score(value, samples=samples)
    half = 1.96 * float(resampled_R.std())
    return Score(value, value - half, value + half, samples)


def _frechet(x_ND: Tensor, y_MD: Tensor) -> float:
    x_mean_D, y_mean_D = x_ND.mean(0), y_MD.mean(0)
    x_ND, y_MD = (x_ND - x_mean_D) / math.sqrt(len(x_ND) - 1), (y_MD - y_mean_D) / math.sqrt(len(y_MD) - 1)
    spread = x_ND.square().sum() + y_MD.square().sum()
    # a set with more samples than features is replaced by a factor with the same covariance
    x_rD, y_rD = (z if len(z) <= z.shape[1] else torch.linalg.qr(z, mode="r").R for z in (x_ND, y_MD))
    cross = torch.linalg.svdvals(x_rD @ y_rD.T).sum()
    return max(0.0, float((x_mean_D - y_mean_D).square().sum() + spread - 2 * cross))


def _counts(count: int, resamples: int, draw: torch.Generator) -> Tensor:
    """Number of occurrences of each sample in the set itself and in each resample, float64 (1 + R, count)."""
    drawn = torch.randint(count, (resamples, count), generator=draw)
    times = torch.zeros(resamples, count, dtype=torch.float64).scatter_add_(1, drawn, torch.ones_like(drawn).double())
    return torch.cat([torch.ones(1, count, dtype=torch.float64), times])


def _different(times_RN: Tensor) -> Tensor:
    """Number of ordered pairs of different samples in each resample, float64 (R,)."""
    return times_RN.sum(1).square() - times_RN.square().sum(1)


def _pairs(x_ND: Tensor, y_MD: Tensor, x_times_RN: Tensor, y_times_RM: Tensor, own: bool) -> Tensor:
    """Sum of the kernels of all pairs in each resample, float64 (R,); of different samples only unless `own`."""
    total_R = torch.zeros(len(x_times_RN), dtype=torch.float64)
    for start in range(0, len(x_ND), _BLOCK):
        rows = slice(start, start + _BLOCK)
        k_bM = (x_ND[rows] @ y_MD.T / x_ND.shape[1] + 1) ** 3
        if not own:
            k_bM.diagonal(start).zero_()
        total_R += ((x_times_RN[:, rows] @ k_bM) * y_times_RM).sum(1)
    return total_R


def _inside(points_ND: Tensor, manifold_MD: Tensor, neighbours: int) -> Tensor:
    """Whether each point lies in the manifold of the others, bool (N,)."""
    # the nearest neighbour of a sample is the sample itself
    radius_M = torch.cat(
        [torch.cdist(block, manifold_MD).kthvalue(neighbours + 1).values for block in torch.split(manifold_MD, _BLOCK)]
    )
    return torch.cat([(torch.cdist(b, manifold_MD) <= radius_M).any(1) for b in torch.split(points_ND, _BLOCK)])
