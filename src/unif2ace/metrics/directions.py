"""Whether a lower or a higher value of a metric is better."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

Mode = Literal["min", "max"]
HIGHER = frozenset(
    {"accuracy", "average_precision", "codebook_perplexity", "codebook_use", "f1", "psnr", "recall", "ssim"}
)
LOWER = frozenset({"calibration_error", "codebook_dead", "frechet", "kernel", "loss", "nelbo"})


def known_mode(name: str, losses: Collection[str] = ()) -> Mode | None:
    """``min`` if a lower value of a metric is better, ``max`` if a higher value is better; None if unknown.

    Args:
        name: Name under which the metric is logged, such as ``val/psnr`` or ``val/f1/male``.
        losses: Names of losses; a lower loss is better. For parts of losses, such as ``val/d3diff/mask``, the result is
            None.
    """
    _, _, own = name.partition("/")
    if own in LOWER or own in losses:
        return "min"
    return "max" if own.partition("/")[0] in HIGHER else None
