"""Eyeglasses, sunglasses and face masks."""

from __future__ import annotations

import numpy as np

from unif2ace.data.faces.canvas import Canvas
from unif2ace.data.faces.head import Head
from unif2ace.data.faces.noise import Array, bump, ridge, slopes, smoothstep
from unif2ace.data.faces.palette import FRAMES, MASKS, WHITE

_CX, _CY = 0.198, -0.052


def paint_glasses(canvas: Canvas, head: Head) -> None:
    """Paints eyeglasses and sunglasses; the temples end where the side of the face does."""
    which = np.flatnonzero([bool(f.drawn["eyeglasses"] or f.drawn["sunglasses"]) for f in canvas.p.faces])
    if not len(which):
        return
    at = canvas.window(0, -0.05, 0.48, 0.22)
    patch = canvas.patch(at, which)
    p, P, Q = patch.p, patch.P, patch.Q
    A, dark = np.abs(P), p.flag("sunglasses")
    distance = _rims(A, Q, p.choice("glasses_shape", {"round": 1.0}) * (1 - dark), dark)
    inside = patch.cover(head.edge[which, at[0], at[1]])
    patch.tint((0.66, 0.56, 0.55), ridge(distance - 0.02, 0.024) * 0.45 * inside)
    lens = patch.cover(distance)
    depth = np.clip((Q - _CY + 0.11) / np.float32(0.22), 0, 1) ** 2
    tint = np.stack([(0.012 + 0.10 * depth) * np.float32(c) for c in (1.0, 0.92, 0.82)], 1)
    patch.paint(tint, lens * 0.97 * dark)
    glare = ridge(A * np.sign(P) + Q * 0.9 + 0.1 - 0.25 * p.light(0), 0.04) * (Q < _CY + 0.05)
    streak = ridge(P - np.sign(P) * _CX + (Q - _CY) * 0.9 + 0.05, 0.020)
    patch.paint(WHITE, lens * (0.17 * glare * dark + (0.05 + 0.17 * streak) * (1 - dark)))
    thick = np.float32(0.0135) + 0.003 * dark
    bridge = np.maximum(np.abs(Q - _CY + 0.02) - 0.011, A - 0.075)
    # The far temple lies behind the head: it is drawn only outside the lens and inside the outline of the face.
    temple = np.maximum(np.maximum(np.abs(Q - _CY + 0.03) - 0.012, 0.325 - A), head.edge[which, at[0], at[1]] - 0.004)
    cover = np.maximum(np.maximum(patch.cover(np.abs(distance) - thick), patch.cover(bridge)), patch.cover(temple))
    shine = 0.85 + 0.7 * ridge(distance + thick * 0.5, 0.006)
    patch.paint(p.one_of(FRAMES, 22) * shine[:, None], cover)
    canvas.put(patch, at, which)


def _rims(A: Array, Q: Array, is_round: Array, dark: Array) -> Array:
    """Signed distance to the rims of the lenses."""
    circle = np.sqrt((A - _CX) ** 2 + (Q - _CY) ** 2) - np.float32(0.132)
    w, h, corner = 0.128 + 0.016 * dark, 0.084 + 0.022 * dark, 0.040 + 0.030 * dark
    x, y = np.abs(A - _CX) - w + corner, np.abs(Q - _CY + 0.05 * (A - _CX) * dark) - h + corner
    box = np.sqrt(np.maximum(x, 0) ** 2 + np.maximum(y, 0) ** 2) + np.minimum(np.maximum(x, y), 0) - corner
    return np.asarray(circle * is_round + box * (1 - is_round), np.float32)


def paint_mask(canvas: Canvas, head: Head) -> None:
    """Paints face masks over mouth and nose."""
    which = canvas.p.where("mask", True)
    if not len(which):
        return
    at = canvas.window(0, 0.30, 0.52, 0.48)
    patch = canvas.patch(at, which)
    p, P, Q = patch.p, patch.P, patch.Q
    A, chin, edge = np.abs(P), head.chin[which], head.edge[which, at[0], at[1]]
    top = 0.055 + 0.27 * A * np.sqrt(A)
    cover = patch.cover(np.maximum(np.maximum(top - Q, edge - 0.012), Q - chin - 0.01))
    height = 0.40 * head.bulge[which, at[0], at[1]] + 0.05 * bump(P, Q, 0, 0.17, 0.05, 0.09)
    height = height + 0.004 * np.sin(Q * 60) * (1 - smoothstep(A, 0.2, 0.34))
    gx, gy = slopes(height, patch.px)
    facing = (0.8 - gx * p.light(0) - gy * p.light(1)) / np.sqrt(gx * gx + gy * gy + 1)
    lit = np.clip((facing + 0.35) / 1.35, 0, 1) * p.nuisance("key") * 0.95 + p.nuisance("ambient") * 0.5
    inside = patch.cover(edge)
    patch.tint((0.55, 0.47, 0.45), ridge(Q - top + 0.012, 0.022) * 0.5 * inside * (1 - cover))
    colour = p.one_of(MASKS, 23)
    patch.paint(colour * lit[:, None], cover)
    for start, rise in ((0.16, -0.12), (0.46, -0.34)):
        loop = ridge(Q - start - rise * smoothstep(A, 0.26, 0.46), 0.010) * smoothstep(A, 0.28, 0.31)
        patch.paint(colour * np.float32(0.8), loop * 0.9 * (1 - cover) * inside)
    canvas.put(patch, at, which)
