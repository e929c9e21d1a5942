"""Hats: a knitted beanie, a cap with a peak, a wide-brimmed hat."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from unif2ace.data.faces.canvas import Canvas, Patch
from unif2ace.data.faces.head import Head
from unif2ace.data.faces.noise import Array, band, plane_noise, ridge, smoothstep
from unif2ace.data.faces.palette import HATS


def paint_hat(canvas: Canvas, head: Head) -> None:
    """Paints the hats of those who wear one."""
    shapes: dict[str, Callable[[Patch, Array], tuple[Array, Array]]] = {
        "beanie": _beanie, "cap": _cap, "wide-brimmed hat": _brimmed,
    }  # fmt: skip
    at = (slice(0, int(canvas.size * 0.52)), slice(None))
    for kind, shape in shapes.items():
        which = canvas.p.where("hat_kind", kind)
        if not len(which):
            continue
        patch = canvas.patch(at, which)
        distance, light = shape(patch, head.a[which])
        _lay(patch, distance, light, patch.cover(head.edge[which, at[0], at[1]]))
        canvas.put(patch, at, which)


def _lay(patch: Patch, distance: Array, light: Array, face: Array) -> None:
    p, U, V = patch.p, patch.U, patch.V
    patch.tint((0.44, 0.36, 0.34), np.exp(-np.clip(distance, 0, None) / np.float32(0.055)) * face * 0.7)
    lx = p.light(0)
    round_ = np.clip(1.08 - 0.8 * (U / 0.64) ** 2 + 0.45 * lx * U / 0.5, 0.2, 1.4) * (1 - 0.12 * V)
    grain = 0.92 + 0.16 * plane_noise(U * 22, V * 22, p.offset)
    colour = p.one_of(HATS, 30) * (1 + np.float32(0.1) * p.jitter(31)[:, None])
    patch.paint(colour * (light * round_ * grain * p.nuisance("key"))[:, None] + np.float32(0.004), patch.cover(distance, 1.2))


def _dome(U: Array, V: Array, half: Array, top: float, base: float) -> Array:
    u, v = U / half, np.minimum(V - base, 0) / (base - top)
    return (np.sqrt(u * u + v * v) - 1) * np.float32(0.5)


def _beanie(patch: Patch, a: Array) -> tuple[Array, Array]:
    U, V, P, Q = patch.U, patch.V, patch.P, patch.Q
    edge = -0.335 + 0.16 * P * P
    distance = np.maximum(_dome(U, V, a + 0.065, -0.77, -0.16), Q - edge)
    cuff = smoothstep(Q - edge + 0.155, -0.005, 0.005)
    around = np.arcsin(np.clip(U / (a + 0.10), -1, 1))
    fade = band(14.0, patch.px)
    ribs = 0.5 + 0.5 * fade * np.sin(around * 52)
    rows = 0.5 + 0.5 * band(26.0, patch.px) * np.sin(V * 120)
    light = 0.60 + 0.34 * ribs + 0.08 * rows * (1 - cuff) - 0.30 * ridge(Q - edge + 0.160, 0.014) + 0.10 * cuff
    return distance, light


def _cap(patch: Patch, a: Array) -> tuple[Array, Array]:
    U, V, P, Q = patch.U, patch.V, patch.P, patch.Q
    edge = -0.350 + 0.12 * P * P
    crown = np.maximum(_dome(U, V, a + 0.065, -0.755, -0.16), Q - edge)
    x = U - patch.p.nuisance("yaw") * np.float32(0.17)
    lower = -0.255 - 0.55 * x * x
    upper = -0.405 + 0.10 * x * x
    peak = np.maximum(np.maximum(Q - lower, upper - Q), np.abs(x) - 0.46)
    on_peak = patch.cover(peak)
    t = (Q - upper) / np.maximum(lower - upper, 0.02)
    seams = ridge(P, 0.007) + ridge(np.abs(P) - 0.24 - 0.25 * (V + 0.4), 0.007)
    body = 0.88 - 0.20 * seams - 0.35 * np.exp(-np.clip(upper - Q, 0, None) / np.float32(0.03))
    light = body + on_peak * (1.02 - 0.62 * t - body) + on_peak * 0.25 * ridge(t - 0.12, 0.12)
    return np.minimum(crown, peak), light


def _brimmed(patch: Patch, a: Array) -> tuple[Array, Array]:
    U, V = patch.U, patch.V
    y = V + np.float32(0.375) - 0.10 * U * U
    brim = (np.sqrt((U / 0.90) ** 2 + (y / 0.095) ** 2) - 1) * np.float32(0.095)
    u, v = U / (a + 0.035), np.minimum(V + 0.38, 0) / np.float32(0.42)
    crown = np.maximum((np.sqrt(np.sqrt(u**4 + v**4)) - 1) * np.float32(0.4), V + 0.34)
    on_brim = patch.cover(brim)
    band_ = smoothstep(V, -0.575, -0.565) * (1 - on_brim)
    top = 0.88 - 0.22 * ridge(U, 0.10) * smoothstep(-V, 0.66, 0.78)
    body = top * (1 - 0.62 * band_)
    rim = 0.62 - 0.36 * np.clip(y / 0.095, -1, 1) + 0.22 * ridge(y + 0.085, 0.02)
    return np.minimum(crown, brim), body + on_brim * (rim - body)
