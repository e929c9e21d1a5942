"""Distance between the distributions of reconstructions and images. Shapes: N images, D features."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from unif2ace.errors import ConfigError
from unif2ace.metrics.base import StepMetric
from unif2ace.metrics.pictures import picture_pairs
from unif2ace.nets.features.base import FrozenFeatures
from unif2ace.types import StepOutput


class FrechetMetric(StepMetric):
    """Frechet and kernel distance between frozen features (N, D) of images and of reconstructions; lower is better.

    The features are not those of the usual FID: compare values only if `describe` returns the same text. With few
    images the Frechet distance is biased upwards, because covariances are estimated from N images. The kernel distance
    is unbiased. Both are NaN with fewer than 2 images.

    Args:
        features: Makes the frozen network; called at the first update. The network is not a submodule, so it is not in
            checkpoints.
        kernel_pictures: Number of images, the first of the split, for the kernel distance. Their features are kept in
            memory. 0 disables the kernel distance.

    Raises:
        ConfigError: If `kernel_pictures` is negative.
    """

    kinds = frozenset({"tokenizer"})
    sums: Tensor
    products: Tensor
    count: Tensor
    rows: list[Tensor]
    row_index: list[Tensor]

    def __init__(self, features: Callable[[], FrozenFeatures], kernel_pictures: int = 2048) -> None:
        super().__init__()
        if kernel_pictures < 0:
            raise ConfigError(f"metric.frechet.kernel_pictures={kernel_pictures}: it must be 0 or more")
        self._make_features, self.kernel_pictures = features, kernel_pictures
        self._made: list[FrozenFeatures] = []
        self._described = 0
        # sums and products of real and reconstructed features: zeros that broadcast until the first update sets D
        self.add_state("sums", torch.zeros(2, 1, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("products", torch.zeros(2, 1, 1, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("rows", [], dist_reduce_fx="cat")
        self.add_state("row_index", [], dist_reduce_fx="cat")

    @property
    def features(self) -> FrozenFeatures:
        """The frozen network, built on first access."""
        if not self._made:
            with torch.inference_mode(False):  # inference tensors cannot be used in autograd
                self._made = [self._make_features()]
        return self._made[0]

    def update(self, step: StepOutput) -> None:
        """Adds the valid samples."""
        real, made = picture_pairs(step)
        network = self.features.to(real.device)
        x_2BD = torch.zeros(2, 0, network.num_features, device=real.device)
        if len(real):
            x_2BD = torch.stack([network.pooled(real), network.pooled(made)]).float()
        wide_2BD = x_2BD.double()
        self.sums = self.sums + wide_2BD.sum(1)
        self.products = self.products + wide_2BD.mT @ wide_2BD
        self.count = self.count + len(real)
        if self.kernel_pictures:
            self._keep(x_2BD.transpose(0, 1), step.batch.index[step.batch.valid])

    def _keep(self, x_B2D: Tensor, index_B: Tensor) -> None:
        # keep the smallest indices: the first of the split, whatever the number of ranks
        rows, index = torch.cat([*self.rows, x_B2D]), torch.cat([*self.row_index, index_B])
        first = index.argsort(stable=True)[: self.kernel_pictures]
        self.rows, self.row_index = [rows[first]], [index[first]]

    def compute(self) -> dict[str, Tensor]:
        """``frechet`` and ``kernel`` (around 0 for equal distributions) of features (N, D), float () each."""
        self._described = int(self.count)
        values = {"frechet": self._frechet()}
        if self.kernel_pictures:
            values["kernel"] = self._kernel()
        return {key: value.float().to(self.count.device) for key, value in values.items()}

    def describe(self) -> dict[str, str]:
        """The features' name and the number of images of the last `compute`."""
        name = self.features.name
        kernel = f"first {min(self._described, self.kernel_pictures)} pictures"
        return {"frechet": f"{name}, {self._described} pictures"} | (
            {"kernel": f"{name}, {kernel}"} if self.kernel_pictures else {}
        )

    def _frechet(self) -> Tensor:
        if self.count < 2:
            return torch.tensor(float("nan"))
        n = self.count.cpu()
        mean_2D = self.sums.cpu() / n
        scatter_2DD = self.products.cpu() - n * mean_2D[:, :, None] * mean_2D[:, None, :]
        return frechet_distance(mean_2D[0], scatter_2DD[0] / (n - 1), mean_2D[1], scatter_2DD[1] / (n - 1))

    def _kernel(self) -> Tensor:
        if self.count < 2:
            return torch.tensor(float("nan"))
        # after a reduction over ranks a list state is one tensor
        rows, index = (torch.cat(list(s)) if isinstance(s, list) else s for s in (self.rows, self.row_index))
        first = index.argsort(stable=True)[: self.kernel_pictures]
        real_ND, made_ND = rows[first].double().unbind(1)
        return kernel_distance(real_ND, made_ND)


def frechet_distance(mean_D: Tensor, cov_DD: Tensor, other_mean_D: Tensor, other_cov_DD: Tensor) -> Tensor:
    r"""Squared Frechet distance of two Gaussians (arXiv 1706.08500, eq. 6).

    Formula: :math:`\lVert m - m' \rVert^2 + \mathrm{tr}(C + C' - 2 (C C')^{1/2})`. The trace of :math:`(C C')^{1/2}` is
    computed as the sum of the singular values of :math:`C^{1/2} C'^{1/2}`.

    Args:
        mean_D: float64 (D,), mean m.
        cov_DD: float64 (D, D), covariance C, positive semidefinite up to rounding.
        other_mean_D: float64 (D,), mean m'.
        other_cov_DD: float64 (D, D), covariance C'.

    Returns:
        float64 (), 0 or more.
    """
    cross = torch.linalg.svdvals(_root(cov_DD) @ _root(other_cov_DD)).sum()
    spread = cov_DD.trace() + other_cov_DD.trace() - 2 * cross
    distance: Tensor = (mean_D - other_mean_D).square().sum() + spread
    return distance.clamp(min=0)


def _root(matrix_DD: Tensor) -> Tensor:
    values_D, vectors_DD = torch.linalg.eigh(matrix_DD)
    root_DD: Tensor = (vectors_DD * values_D.clamp(min=0).sqrt()) @ vectors_DD.T
    return root_DD


def kernel_distance(x_ND: Tensor, y_ND: Tensor) -> Tensor:
    r"""Unbiased squared maximum mean discrepancy of paired samples, with the kernel of KID (arXiv 1801.01401).

    Formula: :math:`\frac{1}{N(N-1)} \sum_{i \ne j} k(x_i, x_j) + k(y_i, y_j) - 2 k(x_i, y_j)` with
    :math:`k(a, b) = (a \cdot b / D + 1)^3`. The last term also leaves out i = j, because a reconstruction depends on
    its own image. The distance is 0 if every reconstruction equals its image.

    Args:
        x_ND: float64 (N, D).
        y_ND: float64 (N, D); row i is paired with row i of `x_ND`.

    Returns:
        float64 (); NaN for N < 2.
    """
    n, d = x_ND.shape
    total = torch.zeros((), dtype=x_ND.dtype, device=x_ND.device)
    for a_ND, b_ND, factor in ((x_ND, x_ND, 1), (y_ND, y_ND, 1), (x_ND, y_ND, -2)):
        k_NN = (a_ND @ b_ND.T / d + 1) ** 3
        total = total + factor * (k_NN.sum() - k_NN.trace())
    return total / (n * (n - 1))
