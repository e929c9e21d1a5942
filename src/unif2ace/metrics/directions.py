"""Which metrics are better when they are lower, and which when they are higher."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

Mode = Literal["min", "max"]
HIGHER = frozenset(
    {"accuracy", "average_precision", "codebook_perplexity", "codebook_use", "f1", "psnr", "recall", "ssim"}
)
LOWER = frozenset({"calibration_error", "codebook_dead", "frechet", "kernel", "loss", "nelbo"})


def known_mode(name: str, losses: Collection[str] = ()) -> Mode | None:
    """Whether a metric is better when it is lower (``min``) or higher (``max``); None if that is not known.

    Args:
        name: Name under which it is logged, such as ``val/psnr`` or ``val/f1/male``.
        losses: Names of losses. Their parts, such as ``val/gidd/elbo``, are not known.
    """
    _, _, own = name.partition("/")
    if own in LOWER or own in losses:
        return "min"
    return "max" if own.partition("/")[0] in HIGHER else None
