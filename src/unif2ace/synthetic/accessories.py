"""Glasses, face masks and earrings."""

from __future__ import annotations

import numpy as np

from unif2ace.synthetic.body import ear_place
from unif2ace.synthetic.canvas import Canvas, Patch
from unif2ace.synthetic.head import Head
from unif2ace.synthetic.noise import Array, bump, ridge, slopes, smoothstep
from unif2ace.synthetic.palette import FRAMES, MASKS, WHITE, linear
from unif2ace.synthetic.skin import FACE
from unif2ace.synthetic.visibility import ears_visible

_SILVER, _GOLD = linear("e2e8f0"), linear("e0b04a")
_EYE_X, _EYE_Y = 0.204, -0.048
_TINT = np.array([0.15, 0, -0.2], np.float32)[None, :, None, None]


def paint_glasses(canvas: Canvas, head: Head) -> None:
    """Paints eyeglasses and sunglasses."""
    which = np.flatnonzero([bool(f.drawn["eyeglasses"] or f.drawn["sunglasses"]) for f in canvas.p.faces])
    if not len(which):
        return
    patch = canvas.window((0, -0.045, 0.46, 0.155), which)
    edge = patch.crop(head.edge)
    p, Q = patch.p, patch.Q
    A = np.abs(patch.P)
    dark, round_ = p.flag("sunglasses"), p.choice("glasses_shape", {"round": 1.0})
    rim = _rims(A, Q, dark, round_)
    thick = 0.0122 + 0.002 * dark + 0.0025 * p.jitter(25) * (1 - dark)
    face = patch.cover(edge)
    patch.tint((0.58, 0.48, 0.47), ridge(_rims(A, Q - np.float32(0.022), dark, round_), 0.020, patch.px) * face * 0.5)
    _lenses(patch, rim, dark)
    frame = patch.strip(rim, thick)
    bridge = np.maximum(np.abs(Q - (_EYE_Y - 0.030) - 0.9 * A * A) - 0.0105, A - 0.085)
    # The arm ends where the head turns away.
    arm = np.maximum(np.maximum(np.abs(Q - (_EYE_Y - 0.035)) - 0.0115, 0.315 - A), edge + 0.002)
    frame = np.maximum(frame, patch.cover(np.minimum(bridge, arm)))
    glint = 0.85 + 0.9 * ridge(rim + thick * 0.5, 0.006, patch.px)
    patch.paint(p.one_of(FRAMES, 26) * glint[:, None], frame)
    canvas.put(patch)


def _rims(A: Array, Q: Array, dark: Array, round_: Array) -> Array:
    """Signed distance to the outline of the lenses, (B, h, w)."""
    u, v = A - np.float32(_EYE_X), Q - np.float32(_EYE_Y)
    circle = np.sqrt(u * u + v * v) - np.float32(0.123)
    half_w, half_h, corner = 0.134 + 0.012 * dark, 0.084 + 0.024 * dark, 0.040 + 0.035 * dark
    x = np.abs(u) - (half_w - corner)
    y = np.abs(v + (0.05 * dark) * u) - (half_h - corner)
    box = np.minimum(np.maximum(x, y), 0) - corner
    x, y = np.maximum(x, 0), np.maximum(y, 0)
    box += np.sqrt(x * x + y * y)
    outline: Array = np.where(round_ * (1 - dark) > 0, circle, box)
    return outline


def _lenses(patch: Patch, rim: Array, dark: Array) -> None:
    p, P, Q = patch.p, patch.P, patch.Q
    inside = patch.cover(rim)
    if dark.any():
        ramp = np.clip((Q + np.float32(0.17)) / np.float32(0.24), 0, 1)
        tint = (0.010 + 0.085 * ramp * ramp)[:, None] * (1 + _TINT * p.jitter(27)[:, None])
        patch.paint(tint, inside * dark * 0.96)
    sheen = ridge(P - np.sign(P) * _EYE_X + (Q - _EYE_Y) * 0.9 + 0.05 - 0.08 * p.light(0), 0.022, patch.px)
    patch.paint(WHITE, inside * ((1 - dark) * 0.03 + (0.15 - 0.01 * dark) * sheen))


def paint_mask(canvas: Canvas, head: Head) -> None:
    """Paints face masks."""
    which = canvas.p.where("mask", True)
    if not len(which):
        return
    patch = canvas.patch(canvas.rows(-0.05, FACE[1]), which)
    p, P, Q = patch.p, patch.P, patch.Q
    edge, depth = patch.crop(head.edge), patch.crop(head.depth)
    A = np.abs(P)
    top = 0.050 + 0.28 * A * np.sqrt(A)
    inside = patch.cover(np.maximum(np.maximum(top - Q, edge - 0.016), Q - head.chin[which] - 0.01))
    height = 0.40 * np.sqrt(np.clip(depth + np.float32(0.14), 0, None)) + 0.06 * bump(P, Q, 0, 0.17, 0.05, 0.09)
    gx, gy = slopes(height, patch.px)
    facing = (0.8 - gx * p.light(0) - gy * p.light(1)) / np.sqrt(gx * gx + gy * gy + 1)
    face = patch.cover(edge)
    patch.tint((0.55, 0.46, 0.44), ridge(Q - top + 0.012, 0.018, patch.px) * face * 0.55)
    colour = p.one_of(MASKS, 28)
    light = np.clip((facing + 0.4) / 1.4, 0, 1) * (p.nuisance("key") * 0.98) + p.nuisance("ambient") * 0.4
    pleats = sum(
        (ridge(Q - at + bend * A, 0.009, patch.px) for at, bend in ((0.24, 0.1), (0.33, 0.15), (0.42, 0.2))),
        np.float32(0),
    )
    light *= 1 - 0.22 * pleats * (1 - smoothstep(A, 0.24, 0.36))
    light *= 1 - 0.25 * ridge(Q - top - 0.014, 0.007, patch.px)
    straps = ridge(Q - 0.02 - 0.25 * (0.45 - A), 0.009, patch.px) + ridge(Q - 0.30 + 0.40 * (A - 0.30), 0.009, patch.px)
    straps = np.minimum(straps, 0.9) * smoothstep(A, 0.27, 0.31) * face * (1 - inside)
    patch.paint(colour * np.float32(0.85), straps)
    patch.paint(colour * light[:, None], inside)
    canvas.put(patch)


def paint_earrings(canvas: Canvas, head: Head) -> None:
    """Paints studs and hoops on the visible ear lobes."""
    which = np.flatnonzero([bool(f.drawn["earrings"]) and ears_visible(f.drawn, f.nuisance) for f in canvas.p.faces])
    if not len(which):
        return
    for side in (-1, 1):
        patch = canvas.window((side * 0.46, 0.20, 0.13, 0.14), which, fine=2)
        p = patch.p
        middle, left = ear_place(p.nuisance("yaw"), head.a[which], side)
        shown = np.clip(left * 5 - 2.0, 0, 1)
        gold = p.chance(29)[:, None]
        metal = gold * _GOLD[None, :, None, None] + (1 - gold) * _SILVER[None, :, None, None]
        u, v = patch.U - middle + side * 0.012, patch.V - np.float32(0.125)
        hoops = p.choice("earring_kind", {"hoops": 1.0})
        r = np.sqrt(u * u + v * v)
        patch.paint(metal * (1.15 - 0.85 * r / 0.033)[:, None], patch.cover(r - 0.033) * (shown * (1 - hoops)))
        patch.paint(WHITE, bump(u, v, -0.008, -0.009, 0.009, 0.009) * (shown * (1 - hoops)))
        narrow = np.maximum(0.75 * left, 0.35)
        ring = np.sqrt((u / narrow) ** 2 + (v - np.float32(0.085)) ** 2)
        light = 0.75 + 0.6 * ridge(v - 0.05, 0.03) + 0.3 * ridge(v - 0.15, 0.02)
        patch.paint(metal * light[:, None], patch.strip(ring - 0.078, 0.0145) * (shown * hoops))
        canvas.put(patch)
