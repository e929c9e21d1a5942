"""Calibration of probabilities. Shapes: M binary answers, each with a probability and a truth."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, softplus


def reliability(p_M: Tensor, y_M: Tensor, bins: int = 15) -> tuple[Tensor, Tensor, Tensor]:
    """Mean probability and fraction of positives in bins of equal width.

    Args:
        p_M: float (M,), probabilities in [0, 1].
        y_M: (M,), 1 for yes, 0 for no.
        bins: Number of bins.

    Returns:
        Mean probability, fraction of positives and number of answers of each bin, float (bins,) each; 0 for an empty
        bin.
    """
    place = (p_M * bins).long().clamp(max=bins - 1)
    count, said, was = (
        torch.zeros(bins, dtype=torch.float64, device=p_M.device).index_add_(0, place, x.double())
        for x in (torch.ones_like(p_M), p_M, y_M.to(p_M.dtype))
    )
    return (said / count.clamp(min=1)).float(), (was / count.clamp(min=1)).float(), count.float()


def calibration_error(p_M: Tensor, y_M: Tensor, bins: int = 15) -> Tensor:
    """Expected calibration error (Guo et al., arXiv 1706.04599, eq. 3) of the probability of yes.

    The mean over bins of ``abs(mean probability - fraction of positives)``, weighted by the number of answers.

    Args:
        p_M: float (M,), probabilities in [0, 1].
        y_M: (M,), 1 for yes, 0 for no.
        bins: Number of bins.

    Returns:
        float (), 0 to 1.
    """
    said, was, count = reliability(p_M, y_M, bins)
    return ((said - was).abs() * count).sum() / count.sum().clamp(min=1)


def fit_platt(logits_M: Tensor, y_M: Tensor, prior: float = 1.0) -> tuple[float, float]:
    """Scale and shift of logits that minimise the cross-entropy, by L-BFGS in float64.

    Args:
        logits_M: float (M,).
        y_M: (M,), 1 for yes, 0 for no.
        prior: Strength of a penalty that keeps scale near 1 and shift near 0 if there are few answers or only one
            class.

    Returns:
        Scale, above 0, and shift; calibrated logits are ``scale * logits + shift``.
    """
    x_M, y_M = logits_M.double(), y_M.double()
    if not len(x_M):
        return 1.0, 0.0
    theta = torch.tensor([0.5413248546129181, 0.0], dtype=torch.float64)  # softplus of the first entry is 1
    theta.requires_grad_()
    solver = torch.optim.LBFGS([theta], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        solver.zero_grad()
        scale, shift = softplus(theta[0]), theta[1]
        value = binary_cross_entropy_with_logits(scale * x_M + shift, y_M, reduction="sum")
        value = value + prior * ((scale - 1).square() + shift.square())
        value.backward()  # type: ignore[no-untyped-call]
        return value

    with torch.enable_grad():
        solver.step(loss)  # type: ignore[no-untyped-call]
    found = theta.detach()
    return float(softplus(found[0])), float(found[1])


def plot_reliability(path: Path, bars: Mapping[str, tuple[float, float]], p_M: Tensor, y_M: Tensor) -> None:
    """Plots scores by name beside the reliability curve of all answers.

    Args:
        path: Path of the PNG file.
        bars: Average precision and F1, each 0 to 1, by name.
        p_M: float (M,), probabilities in [0, 1].
        y_M: (M,), 1 for yes, 0 for no.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, max(4.0, 0.19 * len(bars) + 1)), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[3, 2])
    names = sorted(bars, key=lambda name: bars[name][0])
    places = range(len(names))
    left.barh(places, [bars[n][0] for n in names], color="#c9d6ea", label="average precision")
    left.plot([bars[n][1] for n in names], places, "o", color="#30507f", markersize=4, label="F1", clip_on=False)
    left.set_yticks(places, [n.replace("_", " ") for n in names], fontsize=8)
    left.set(xlim=(0, 1), ylim=(-0.7, len(names) - 0.3), title="each attribute")
    left.legend(loc="upper center", bbox_to_anchor=(0.5, -0.03), ncols=2, fontsize=8, frameon=False)
    said, was, count = (x.cpu() for x in reliability(p_M, y_M))
    full = count > 0
    right.plot([0, 1], [0, 1], color="#999999", linewidth=1)
    right.plot(said[full], was[full], "o-", color="#30507f", markersize=4)
    error = float(calibration_error(p_M, y_M))
    title = f"do probabilities mean what they say? (error {error:.3f})"
    right.set(xlabel="probability", ylabel="share that shows the attribute", xlim=(0, 1), ylim=(0, 1), title=title)
    right.set_aspect("equal")
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)
