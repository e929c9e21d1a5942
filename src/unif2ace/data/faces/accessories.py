"""What is worn on the face: glasses, a face mask, earrings."""

from __future__ import annotations

import numpy as np

from unif2ace.data.faces.body import ear_place
from unif2ace.data.faces.canvas import Canvas, Patch
from unif2ace.data.faces.head import Head
from unif2ace.data.faces.noise import Array, bump, ridge, slopes, smoothstep
from unif2ace.data.faces.palette import FRAMES, MASKS, WHITE, linear
from unif2ace.data.faces.skin import face_window
from unif2ace.data.faces.visibility import ears_visible

_SILVER, _GOLD = linear("e2e8f0"), linear("e0b04a")
_EYE_X, _EYE_Y = 0.204, -0.052


def paint_glasses(canvas: Canvas, head: Head) -> None:
    """Paints eyeglasses and sunglasses."""
    which = np.flatnonzero([bool(f.drawn["eyeglasses"] or f.drawn["sunglasses"]) for f in canvas.p.faces])
    if not len(which):
        return
    at = canvas.window(0, -0.04, 0.50, 0.17)
    patch = canvas.patch(at, which)
    a, edge = head.a[which], head.edge[which, at[0], at[1]]
    p, P, Q = patch.p, patch.P, patch.Q
    A = np.abs(P)
    dark, round_ = p.flag("sunglasses"), p.choice("glasses_shape", {"round": 1.0})
    rim = _rims(A, Q, dark, round_)
    face = patch.cover(edge)
    thick = 0.0105 + 0.003 * dark + 0.0025 * p.jitter(25) * (1 - dark)
    thick = np.maximum(thick, 0.42 * patch.px)
    fall = 0.022
    shadow = _rims(A, Q - fall, dark, round_)
    patch.tint((0.58, 0.48, 0.47), ridge(np.abs(shadow), 0.020) * 0.5 * face)
    _lenses(patch, rim, dark)
    frame = patch.cover(np.abs(rim) - thick, 1.1)
    bridge = np.maximum(np.abs(Q - _EYE_Y + 0.030 - 0.9 * (A - 0.0) ** 2) - 0.0095, A - 0.085)
    arm = np.maximum(np.abs(Q - _EYE_Y + 0.035) - 0.0105, 0.315 - A)
    # The arm ends where the head turns away.
    arm = np.maximum(arm, edge + 0.002)
    frame = np.maximum(np.maximum(frame, patch.cover(bridge)), patch.cover(arm))
    colour = p.one_of(FRAMES, 26)
    glint = 0.85 + 0.9 * ridge(rim + thick * 0.5, 0.006)
    patch.paint(colour * glint[:, None], frame)
    canvas.put(patch, at, which)


def _rims(A: Array, Q: Array, dark: Array, round_: Array) -> Array:
    """Signed distance to the lenses' outline."""
    u, v = A - np.float32(_EYE_X), Q - np.float32(_EYE_Y)
    circle = np.sqrt(u * u + v * v) - np.float32(0.132)
    half_w, half_h, corner = 0.134 + 0.012 * dark, 0.088 + 0.020 * dark, 0.040 + 0.035 * dark
    x = np.abs(u) - half_w + corner
    y = np.abs(v + 0.05 * u * dark) - half_h + corner
    box = np.sqrt(np.clip(x, 0, None) ** 2 + np.clip(y, 0, None) ** 2) + np.minimum(np.maximum(x, y), 0) - corner
    return np.where(round_ * (1 - dark) > 0, circle, box)


def _lenses(patch: Patch, rim: Array, dark: Array) -> None:
    p, P, Q = patch.p, patch.P, patch.Q
    inside = patch.cover(rim)
    ramp = np.clip((Q + np.float32(0.17)) / np.float32(0.24), 0, 1)
    tint = (0.010 + 0.085 * ramp * ramp)[:, None] * (1 + np.array([0.15, 0, -0.2], np.float32)[None, :, None, None] * p.jitter(27)[:, None])
    patch.paint(tint, inside * dark * 0.96)
    sheen = ridge(P - np.sign(P) * _EYE_X + (Q - _EYE_Y) * 0.9 + 0.05 - 0.08 * p.light(0), 0.022)
    patch.paint(WHITE, inside * ((1 - dark) * (0.03 + 0.15 * sheen) + dark * 0.14 * sheen))


def paint_mask(canvas: Canvas, head: Head) -> None:
    """Paints face masks."""
    which = canvas.p.where("mask", True)
    if not len(which):
        return
    at = face_window(canvas)
    patch = canvas.patch(at, which)
    p, P, Q = patch.p, patch.P, patch.Q
    edge, bulge = head.edge[which, at[0], at[1]], head.bulge[which, at[0], at[1]]
    A = np.abs(P)
    top = 0.050 + 0.28 * A * np.sqrt(A)
    distance = np.maximum(np.maximum(top - Q, edge - 0.016), Q - head.chin[which] - 0.01)
    height = 0.40 * bulge + 0.06 * bump(P, Q, 0, 0.17, 0.05, 0.09)
    pleats = ridge(Q - 0.24 + 0.1 * A, 0.008) + ridge(Q - 0.33 + 0.15 * A, 0.008) + ridge(Q - 0.42 + 0.2 * A, 0.008)
    gx, gy = slopes(height, patch.px)
    inverse = 1 / np.sqrt(gx * gx + gy * gy + 1)
    facing = (0.8 - gx * p.light(0) - gy * p.light(1)) * inverse
    face = patch.cover(edge)
    patch.tint((0.55, 0.46, 0.44), ridge(Q - top + 0.012, 0.018) * 0.55 * face)
    colour = p.one_of(MASKS, 28)
    light = np.clip((facing + 0.4) / 1.4, 0, 1) * p.nuisance("key") * 0.98 + p.nuisance("ambient") * 0.4
    light = light * (1 - 0.22 * pleats * (1 - smoothstep(A, 0.24, 0.36))) * (1 - 0.25 * ridge(Q - top - 0.014, 0.006))
    patch.paint(colour * light[:, None], patch.cover(distance))
    straps = ridge(Q - 0.02 - 0.25 * (0.45 - A), 0.008) + ridge(Q - 0.30 + 0.40 * (A - 0.30), 0.008)
    patch.paint(colour * np.float32(0.85), np.clip(straps, 0, 1) * smoothstep(A, 0.27, 0.31) * face * (1 - patch.cover(distance)) * 0.9)
    canvas.put(patch, at, which)


def paint_earrings(canvas: Canvas, head: Head) -> None:
    """Paints studs and hoops on the lobes that can be seen."""
    which = np.flatnonzero([bool(f.drawn["earrings"]) and ears_visible(f.drawn, f.nuisance) for f in canvas.p.faces])
    if not len(which):
        return
    for side in (-1, 1):
        at = canvas.window(side * 0.46, 0.20, 0.13, 0.19)
        patch = canvas.patch(at, which)
        p = patch.p
        middle, left = ear_place(p.nuisance("yaw"), head.a[which], side)
        shown = np.clip(left * 5 - 2.0, 0, 1)
        gold = p.numbers([1.0 if f.nuisance.jitter[29] > 0 else 0.0 for f in p.faces])[:, None]
        metal = gold * _GOLD[None, :, None, None] + (1 - gold) * _SILVER[None, :, None, None]
        u, v = patch.U - middle + side * 0.012, patch.V - 0.125
        hoops = p.choice("earring_kind", {"hoops": 1.0})
        r = np.sqrt(u * u + v * v)
        patch.paint(metal * (1.1 - 0.7 * r / 0.03)[:, None], patch.cover(r - 0.028) * shown * (1 - hoops))
        patch.paint(WHITE, bump(u, v, -0.008, -0.009, 0.009, 0.009) * shown * (1 - hoops))
        ring = np.sqrt((u / np.maximum(0.75 * left, 0.35)) ** 2 + (v - 0.085) ** 2)
        light = 0.75 + 0.6 * ridge(v - 0.05, 0.03) + 0.3 * ridge(v - 0.15, 0.02)
        patch.paint(metal * light[:, None], patch.cover(np.abs(ring - 0.078) - 0.0135) * shown * hoops)
        canvas.put(patch, at, which)
