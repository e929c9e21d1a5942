"""Hats: a knitted beanie, a cap with a peak, a wide-brimmed hat."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from unif2ace.synthetic.canvas import Canvas, Patch
from unif2ace.synthetic.head import Head
from unif2ace.synthetic.noise import Array, band, plane_noise, ridge, smoothstep
from unif2ace.synthetic.palette import HATS, linear

_BADGE = linear("efe9dc")


def paint_hat(canvas: Canvas, head: Head) -> None:
    """Paints hats."""
    shapes: dict[str, Callable[[Patch, Array], tuple[Array, Array]]] = {
        "beanie": _beanie, "cap": _cap, "wide-brimmed hat": _brimmed,
    }  # fmt: skip
    rows = canvas.rows(-9.0, 0.02)
    for kind, shape in shapes.items():
        which = canvas.p.where("hat_kind", kind)
        if not len(which):
            continue
        patch = canvas.patch(rows, which)
        distance, light = shape(patch, head.a[which])
        _lay(patch, distance, light, patch.cover(patch.crop(head.edge)))
        if kind == "cap":
            _badge(patch)
        canvas.put(patch)


def _lay(patch: Patch, distance: Array, light: Array, face: Array) -> None:
    p, U, V = patch.p, patch.U, patch.V
    patch.tint((0.44, 0.36, 0.34), np.exp(-np.clip(distance, 0, None) / np.float32(0.055)) * face * 0.7)
    lx = p.light(0)
    round_ = np.clip(1.08 - 0.8 * (U / 0.64) ** 2 + 0.45 * lx * U / 0.5, 0.2, 1.4) * (1 - 0.12 * V)
    grain = 0.92 + 0.16 * plane_noise(U * 22, V * 22, p.offset)
    colour = p.one_of(HATS, 30) * (1 + np.float32(0.1) * p.jitter(31)[:, None])
    patch.paint(
        colour * (light * round_ * grain * p.nuisance("key"))[:, None] + np.float32(0.004), patch.cover(distance, 0.003)
    )


def _ellipse(x: Array, y: Array, rx: Array | float, ry: Array | float) -> Array:
    """First-order approximation of the signed distance to an ellipse around the origin, (B, h, w)."""
    u, v = x / rx, y / ry
    r = np.sqrt(u * u + v * v)
    u /= rx
    v /= ry
    distance: Array = r * (r - 1) / (np.sqrt(u * u + v * v) + np.float32(1e-3))
    return distance


def _dome(U: Array, V: Array, half: Array, top: float, base: float) -> Array:
    return _ellipse(U, np.minimum(V - base, 0), half, base - top)


def _beanie(patch: Patch, a: Array) -> tuple[Array, Array]:
    U, V, P, Q, p = patch.U, patch.V, patch.P, patch.Q, patch.p
    edge = np.minimum(-0.335 + 1.35 * P * P, -0.16)
    distance = np.maximum(_dome(U, V, a + 0.062, -0.775, -0.16), Q - edge)
    up = Q - edge + np.float32(0.155)
    cuff = smoothstep(up, -0.005, 0.005)
    around = np.arcsin(np.clip(U / (a + 0.10), -1, 1))
    ribs = 0.5 + 0.5 * band(14.0, patch.px) * np.sin(around * 52)
    rows = 0.5 + 0.5 * band(26.0, patch.px) * np.sin(V * 120)
    light = 0.62 + 0.34 * ribs + 0.08 * rows * (1 - cuff) - 0.32 * ridge(up + 0.006, 0.016, patch.px) + 0.14 * cuff
    bobble = p.chance(29, 0.3)
    y = V + np.float32(0.80)
    fluff = 0.030 * (plane_noise(U * 34, V * 34, p.offset) - 0.5)
    ball = np.sqrt(U * U + y * y) - 0.082 + fluff
    on_ball = patch.cover(ball) * bobble
    light = light + on_ball * (0.95 + 9.0 * fluff - 2.2 * y - light)
    return np.where(bobble > 0, np.minimum(distance, ball), distance), light


def _cap(patch: Patch, a: Array) -> tuple[Array, Array]:
    U, V, P, Q = patch.U, patch.V, patch.P, patch.Q
    x = U - patch.p.nuisance("yaw") * np.float32(0.15)
    upper, lower = -0.435 + 0.62 * x * x, -0.290 + 0.24 * x * x
    peak = np.maximum(np.maximum(Q - lower, upper - Q), _ellipse(x, Q + 0.33, 0.475, 0.30))
    crown = np.maximum(_dome(U, V, a + 0.060, -0.775, -0.20), Q + 0.300 - 0.9 * P * P)
    on_peak = patch.cover(peak)
    t = (Q - upper) / np.maximum(lower - upper, 0.02)
    seams = ridge(np.abs(P) - 0.20 + 0.16 * (V + 0.4), 0.008, patch.px) + ridge(np.abs(P) - 0.40, 0.008, patch.px)
    body = 0.90 - 0.22 * seams - 0.42 * np.exp(-np.clip(upper - Q, 0, None) / np.float32(0.028))
    button = np.sqrt(P * P * 0.5 + (V + 0.772) ** 2) - 0.022
    peak_light = 1.05 - 0.50 * t + 0.25 * ridge(t - 0.10, 0.10) - 0.22 * ridge(t - 0.86, 0.03)
    return np.minimum(np.minimum(crown, peak), button), body + on_peak * (peak_light - body)


def _badge(patch: Patch) -> None:
    p = patch.p
    shown = p.chance(28, -0.3)
    P, y = patch.P, patch.Q + np.float32(0.555)
    shape = _ellipse(P, y, 0.075, 0.055)
    patch.paint(_BADGE * np.float32(0.85), patch.cover(shape) * shown)
    colour = p.one_of(HATS, 29)
    patch.paint(colour, patch.cover(_ellipse(P, y, 0.040, 0.028)) * shown)


def _brimmed(patch: Patch, a: Array) -> tuple[Array, Array]:
    U, V = patch.U, patch.V
    y = V + np.float32(0.375) - 0.13 * U * U
    brim = _ellipse(U, y, 0.84, 0.092)
    u, v = U / (a + 0.035), np.minimum(V + 0.38, 0) / np.float32(0.42)
    u *= u
    v *= v
    crown = np.maximum((np.sqrt(np.sqrt(u * u + v * v)) - 1) * np.float32(0.4), V + 0.34)
    on_brim = patch.cover(brim)
    ribbon = smoothstep(V, -0.575, -0.565) * (1 - on_brim)
    top = 0.88 - 0.22 * ridge(U, 0.10) * smoothstep(-V, 0.66, 0.78)
    body = top * (1 - 0.62 * ribbon)
    rim = 0.62 - 0.36 * np.clip(y / 0.092, -1, 1) + 0.22 * ridge(y + 0.082, 0.02)
    return np.minimum(crown, brim), body + on_brim * (rim - body)
