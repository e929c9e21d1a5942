"""The opening in the hair for the face: hairline, temples, fringe, and hair at the sides."""

from __future__ import annotations

import numpy as np

from unif2ace.synthetic.canvas import Patch
from unif2ace.synthetic.hairstyle import Style
from unif2ace.synthetic.noise import Array, ridge, smoothstep
from unif2ace.synthetic.parameters import Parameters


def opening(patch: Patch, style: Style, a: Array, edge: Array) -> Array:
    """Signed distance to the edge of the opening, (B, h, w): positive on the free face, negative under hair.

    Args:
        patch: Window of the face.
        style: Hair style of the faces.
        a: Half width of the face, (B, 1, 1).
        edge: Signed distance to the outline of the face, (B, h, w).
    """
    p, P, U, V = patch.p, patch.P, patch.U, patch.V
    A = np.abs(P)
    below = patch.Q - _hairline(p, style, P, A, a)
    short = _short_side(p, U, V, a)
    fall = _curtain(style, A, V, a)
    side = np.where(style.fall > 0, fall, short)
    free: Array = np.minimum(below, side)
    # Above the ears no skin is visible between the face and the hair.
    seam = np.maximum(-edge - 0.014, V - 0.04 + 0.10 * style.tucked)
    np.minimum(free, seam, out=free)
    return free


def _hairline(p: Parameters, style: Style, P: Array, A: Array, a: Array) -> Array:
    """Q coordinate of the hairline on the forehead, (B, h, w)."""
    receding = p.flag("receding_hairline")
    high = -0.425 - 0.085 * receding + 0.010 * p.body(22) - 0.012 * style.swept
    inner = a * (0.985 - 0.05 * style.fall)
    round_ = np.clip(1 - (A / inner) ** 2 * np.sqrt(A / inner), 0, 1)
    forehead = -0.10 - (-0.10 - high) * np.sqrt(round_)
    forehead = forehead + receding * (0.055 * ridge(P, 0.085) - 0.105 * ridge(A - 0.20, 0.105))
    # From a parting hair falls to both sides; the longer side crosses the forehead.
    part = style.part - p.nuisance("yaw") * np.float32(0.11)
    apart = np.abs(P - part)
    draped = high - 0.02 + 0.62 * apart * np.sqrt(apart + np.float32(1e-4)) + 0.25 * apart * apart
    parted = (1 - style.swept) * (1 - receding) * (1 - style.bangs)
    forehead = forehead + parted * (0.25 + 0.75 * style.fall) * np.maximum(draped - forehead, 0)
    fringe = (
        -0.205 + 0.014 * p.jitter(23) + 0.22 * A * A + 0.10 * P * np.sign(p.jitter(17)) * (np.abs(p.jitter(17)) > 0.8)
    )
    line: Array = np.where(style.bangs > 0, np.maximum(forehead, fringe), forehead)
    return line


def _short_side(p: Parameters, U: Array, V: Array, a: Array) -> Array:
    """Signed distance to the edge of short hair, which ends in front of the ear, (B, h, w); positive on the face."""
    line = a - 0.050 + 0.050 * smoothstep(V, -0.30, 0.02)
    side: Array = line - np.abs(U) + 0.5 * np.clip(V + 0.02, 0, None)
    return side


def _curtain(style: Style, A: Array, V: Array, a: Array) -> Array:
    """Signed distance to the edge of hair beside the cheeks or behind the ears, (B, h, w); positive on the face."""
    hanging = (
        a * 0.90
        + 0.035 * smoothstep(V, -0.1, 0.35)
        - 0.05 * smoothstep(V, 0.40, 0.75)
        + 0.022 * np.sin(V * 17) * style.wavy
    )
    tucked = a * 0.95 + 0.25 * smoothstep(V, -0.16, -0.06)
    return np.where(style.tucked > 0, tucked, hanging) - A
