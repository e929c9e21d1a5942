"""Beanies, caps and wide-brimmed hats."""

from __future__ import annotations

import numpy as np

from unif2ace.data.faces.canvas import FULL, Canvas, Patch
from unif2ace.data.faces.head import Head
from unif2ace.data.faces.noise import Array, band, plane_noise, ridge, smoothstep
from unif2ace.data.faces.palette import HATS


def paint_hats(canvas: Canvas, head: Head) -> None:
    """Paints the hats of those who wear one, and their shadow on the face."""
    for kind, make in {"beanie": _beanie, "cap": _cap, "wide-brimmed hat": _brimmed}.items():
        which = canvas.p.where("hat_kind", kind)
        if not len(which):
            continue
        patch = canvas.patch(FULL, which)
        distance, tone = make(patch, head.a[which])
        p, U, V = patch.p, patch.U, patch.V
        face = patch.cover(head.edge[which])
        patch.tint((0.48, 0.40, 0.38), np.exp(-np.clip(distance, 0, 1) / np.float32(0.06)) * face * 0.7 * (V > -0.55))
        round_ = np.clip(1.05 - 0.8 * (U / 0.62) ** 2 + 0.9 * p.light(0) * U, 0.16, 1.4) * (1 - 0.12 * V)
        weave = 1 + 0.2 * band(20.0, patch.px) * (plane_noise(U * 40, V * 40, p.offset) - 0.5)
        lit = tone * round_ * weave * p.nuisance("key")
        patch.paint(p.one_of(HATS, 25) * lit[:, None] + np.float32(0.004), patch.cover(distance, 1.3))
        canvas.put(patch, FULL, which)


def _dome(U: Array, V: Array, width: Array, middle: float, height: float, power: float) -> Array:
    across = (np.abs(U) / width) ** np.float32(power)
    up = (np.abs(np.minimum(V + np.float32(middle), 0)) / np.float32(height)) ** np.float32(power)
    return np.asarray((across + up - 1) * np.float32(0.26), np.float32)


def _beanie(patch: Patch, a: Array) -> tuple[Array, Array]:
    U, V, P, Q = patch.U, patch.V, patch.P, patch.Q
    edge = -0.335 + 0.16 * P * P
    distance = np.maximum(_dome(U, V, a + 0.050, 0.18, 0.58, 2.25), Q - edge)
    folded = smoothstep(Q - edge, -0.155, -0.145)
    angle = np.arcsin(np.clip(U / (a + 0.08), -1, 1))
    fade = band(16.0, patch.px)
    ribs = 0.5 + 0.5 * np.sin(angle * (42 + 18 * folded)) * fade
    rows = 0.5 + 0.5 * np.sin(V * 70) * fade
    tone = 0.68 + 0.24 * ribs + 0.10 * rows * (1 - folded) - 0.25 * ridge(Q - edge + 0.15, 0.014)
    return distance, np.asarray(tone, np.float32)


def _cap(patch: Patch, a: Array) -> tuple[Array, Array]:
    p, U, V, P, Q = patch.p, patch.U, patch.V, patch.P, patch.Q
    edge = -0.36 + 0.12 * P * P
    dome = np.maximum(_dome(U, V, a + 0.055, 0.18, 0.57, 2.25), Q - edge)
    x = U - p.nuisance("yaw") * 0.16
    brim = np.sqrt((x / 1.9) ** 2 + ((Q + 0.36) * 1.6 - 0.3 * x * x) ** 2) - np.float32(0.225)
    brim = np.maximum(brim, -0.375 + 0.10 * P * P - Q)
    on_brim = patch.cover(brim)
    seams = ridge(np.abs(P), 0.008) * 0.2 + ridge(np.abs(P) - 0.24 - 0.25 * (V + 0.4), 0.008) * 0.16
    tone = on_brim * (0.66 - 1.1 * (Q + 0.36)) + (1 - on_brim) * (0.88 - seams * band(9.0, patch.px))
    tone = tone - 0.28 * ridge(Q - edge, 0.014)
    return np.minimum(dome, brim), np.asarray(np.clip(tone, 0.15, 1.2), np.float32)


def _brimmed(patch: Patch, a: Array) -> tuple[Array, Array]:
    U, V, P = patch.U, patch.V, patch.P
    crown = np.maximum(_dome(U, V, a + 0.02, 0.30, 0.52, 2.8), V + 0.34)
    level = V + 0.375 - 0.12 * U * U
    brim = (np.sqrt((U / 0.84) ** 2 + (level / 0.085) ** 2) - 1) * np.float32(0.085)
    on_brim = patch.cover(brim)
    ribbon = smoothstep(V, -0.545, -0.53) * (1 - on_brim)
    tone = on_brim * (0.70 - 3.0 * np.clip(level, -0.1, 0.1)) + (1 - on_brim) * (0.90 - 0.16 * ridge(P, 0.12) * (V < -0.7))
    return np.minimum(crown, brim), np.asarray(tone * (1 - 0.62 * ribbon), np.float32)
