"""Creases of the skin from age, expression and build, and their shadows.

`fold` changes the height field before it is lit. `deepen` adds shadows, because lighting alone leaves creases too faint
in small images.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from unif2ace.synthetic.canvas import Index, Patch
from unif2ace.synthetic.head import Head
from unif2ace.synthetic.noise import Array, band, bump, ridge, smoothstep

_LINES = (-0.285, -0.350, -0.415)  # Q of the forehead's lines


def fold(height: Array, patch: Patch, head: Head, A: Array) -> None:
    """Adds creases to the height field of the skin, in place.

    Args:
        height: Height of the skin, (B, h, w).
        patch: Window of the face.
        head: Measures of the same faces.
        A: Distance from the middle of the face, |P|, (B, h, w).
    """
    p, P, Q, px = patch.p, patch.P, patch.Q, patch.px
    depth = 0.008 + 0.020 * p.flag("smile") + 0.018 * _age(patch, head) + 0.022 * p.flag("make_a_face")
    height -= depth * _nasolabial(A, Q, head.nose, px, 0.020)
    if len(on := p.where("bags_under_eyes", True)):
        height[on] += 0.040 * bump(A[on], Q[on], 0.19, 0.026, 0.075, 0.020) - 0.042 * _bags(A[on], Q[on], px[on], 0.012)
    if len(on := p.where("double_chin", True)):
        height[on] -= 0.036 * _chin_arc(P[on], Q[on], A[on], head.chin[on], px[on], 0.018)
        height[on] += 0.03 * bump(P[on], Q[on], 0, head.chin[on] - 0.02, 0.16, 0.03)
    if len(on := p.where("frown", True)):
        height[on] -= 0.036 * bump(A[on], Q[on], 0.030, -0.17, 0.009, 0.04)
    if len(on := p.where("emotion", "surprise", "fear")):
        lines = np.sin(Q[on] * 92) * bump(P[on], Q[on], 0, -0.33, 0.16, 0.06)
        height[on] += band(20.0, px[on]) * 0.0045 * lines
    if len(on := p.where("make_a_face", True)):
        height[on] += 0.010 * np.sin(Q[on] * 70) * bump(P[on], Q[on], 0, -0.03, 0.05, 0.06)


def deepen(hollow: Array, patch: Patch, head: Head, A: Array) -> None:
    """Darkens the creases, in place.

    Args:
        hollow: Factor that multiplies the light, (B, h, w).
        patch: Window of the face.
        head: Measures of the same faces.
        A: Distance from the middle of the face, |P|, (B, h, w).
    """
    painters: dict[tuple[str, str | bool], Callable[[Array, Patch, Head, Array, Index], Array]] = {
        ("age", "middle-aged"): _aged, ("age", "elderly"): _aged, ("bags_under_eyes", True): _baggy,
        ("high_cheekbones", True): _bony, ("frown", True): _frowning, ("double_chin", True): _double,
        ("make_a_face", True): _wrinkled,
    }  # fmt: skip
    for (name, value), shadow in painters.items():
        on = patch.p.where(name, value)
        if len(on):
            hollow[on] -= shadow(patch.P[on], patch, head, A[on], on)


def _age(patch: Patch, head: Head) -> Array:
    years = patch.p.choice("age", {"elderly": 1.4, "middle-aged": 0.55})
    strength: Array = years * (0.68 + 0.32 * head.man)
    return strength


def _nasolabial(A: Array, Q: Array, nose: Array, px: Array, width: float) -> Array:
    """Strength of the fold from the side of the nose to the corner of the mouth, (B, h, w)."""
    where = 0.085 * nose + 0.012 + 0.10 * np.clip((Q - 0.19) / np.float32(0.17), 0, 1.2)
    line: Array = ridge(A - where, width, px) * smoothstep(Q, 0.16, 0.22) * (1 - smoothstep(Q, 0.33, 0.43))
    return line


def _bags(A: Array, Q: Array, px: Array, width: float) -> Array:
    ends = smoothstep(A, 0.085, 0.14) * (1 - smoothstep(A, 0.25, 0.305))
    line: Array = ridge(Q - 0.058 + 4.0 * (A - 0.19) ** 2, width, px) * ends
    return line


def _chin_arc(P: Array, Q: Array, A: Array, chin: Array, px: Array, width: float) -> Array:
    line: Array = ridge(Q - (chin - 0.068) + 1.1 * P * P, width, px) * (1 - smoothstep(A, 0.15, 0.23))
    return line


def _aged(P: Array, patch: Patch, head: Head, A: Array, on: Index) -> Array:
    Q, px, age = patch.Q[on], patch.px[on], _age(patch, head)[on]
    shadow = 0.30 * _nasolabial(A, Q, head.nose[on], px, 0.017)
    wander = 0.012 * np.cos(P * 9 + patch.p.take(on).body(8) * 2)
    across = 1 - smoothstep(A, 0.14, 0.26)
    for q in _LINES:
        shadow += 0.22 * ridge(Q - q - wander - 0.10 * P * P, 0.011, px) * across
    for slope in (-0.55, 0.0, 0.55):
        feet = ridge(Q + 0.055 - slope * (A - 0.30), 0.009, px)
        shadow += 0.26 * feet * smoothstep(A, 0.315, 0.335) * (1 - smoothstep(A, 0.375, 0.41))
    corner, mouth = head.mouth_width[on] + 0.018, head.mouth[on]
    jowl = ridge(A - corner - 0.30 * (Q - mouth - 0.02), 0.013, px)
    shadow += 0.28 * jowl * smoothstep(Q, mouth + 0.01, mouth + 0.05) * (1 - smoothstep(Q, mouth + 0.11, mouth + 0.17))
    shadow += 0.16 * bump(A, Q, 0.30, 0.22, 0.05, 0.06) + 0.10 * bump(A, Q, 0.19, 0.045, 0.07, 0.02)
    return shadow * age


def _baggy(P: Array, patch: Patch, head: Head, A: Array, on: Index) -> Array:
    return 0.32 * _bags(A, patch.Q[on], patch.px[on], 0.020)


def _bony(P: Array, patch: Patch, head: Head, A: Array, on: Index) -> Array:
    Q = patch.Q[on]
    return 0.24 * bump(A, Q, 0.275, 0.245, 0.055, 0.075) - 0.12 * bump(A, Q, 0.275, 0.085, 0.070, 0.035)


def _frowning(P: Array, patch: Patch, head: Head, A: Array, on: Index) -> Array:
    return 0.62 * bump(A, patch.Q[on], 0.033, -0.175, 0.014, 0.048)


def _double(P: Array, patch: Patch, head: Head, A: Array, on: Index) -> Array:
    return 0.48 * _chin_arc(P, patch.Q[on], A, head.chin[on], patch.px[on], 0.016)


def _wrinkled(P: Array, patch: Patch, head: Head, A: Array, on: Index) -> Array:
    """Shadow of the wrinkles across the bridge of the nose, (R, h, w) for the R faces `on`."""
    Q, px = patch.Q[on], patch.px[on]
    lines = ridge(np.abs(Q + 0.045) - 0.028, 0.011, px) + ridge(Q + 0.045, 0.011, px)
    return 0.34 * lines * (1 - smoothstep(A, 0.03, 0.07))
