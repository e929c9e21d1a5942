"""Eyes and eyebrows: lids, whites, irises with highlights, lashes, and make-up."""

from __future__ import annotations

import numpy as np

from unif2ace.synthetic.canvas import Box, Canvas, Patch
from unif2ace.synthetic.head import Head
from unif2ace.synthetic.noise import Array, band, bump, line_noise, ridge, smoothstep
from unif2ace.synthetic.palette import EYES, HAIR, INK, SHADOWS, WHITE, linear
from unif2ace.synthetic.parameters import Parameters

_TEAR, _LOWER = linear("c98a80"), linear("5b352a")
_WHITES = np.array([0.90, 0.87, 0.85], np.float32)[:, None, None]
_IRIS = 0.057
_LOOK = {"left": (-0.061, 0.0), "right": (0.061, 0.0), "up": (0.0, -0.036), "down": (0.0, 0.022)}
CENTRE_X, CENTRE_Y = 0.203, -0.062


def paint_eyes(canvas: Canvas, head: Head) -> None:
    """Paints both eyes of faces without sunglasses."""
    which = np.flatnonzero([not f.drawn["sunglasses"] for f in canvas.p.faces])
    if not len(which):
        return
    for side in (-1, 1):
        box: Box = (side * CENTRE_X, CENTRE_Y - 0.008, 0.158, 0.116)
        patch = canvas.window(box, which, fine=2)
        _Eye(patch, head.take(patch, which), side).paint()
        canvas.put(patch)


class _Eye:
    """One eye. x runs from -1 at the inner corner to 1 at the outer corner; y increases downwards from the centre."""

    def __init__(self, patch: Patch, head: Head, side: int) -> None:
        p = patch.p
        self.patch, self.p, self.head = patch, p, head
        self.closed = p.flag("eyes_closed")
        self.cx = side * (CENTRE_X + 0.006 * p.body(10))
        self.rx = 0.120 + 0.004 * p.body(11)
        self.x = (patch.P - self.cx) * (side / self.rx)
        self.y = (
            patch.Q
            - CENTRE_Y
            + (0.006 + 0.006 * p.body(12) + p.choice("emotion", {"sadness": -0.022, "anger": 0.012})) * self.x
        )
        self.round = np.clip(1 - self.x * self.x, 0, 1)
        root = np.sqrt(self.round)
        narrow = p.flag("narrow_eyes")
        opening = (
            (0.062 - 0.034 * narrow) * head.eye * (1.04 - 0.08 * head.man) * p.choice("age", {"elderly": 0.88}, 1.0)
        )
        opening = np.maximum(opening, 0.022) * p.choice("gaze_direction", {"down": 0.60, "up": 1.10}, 1.0)
        shut, glare = self.closed, p.flag("glare")
        upper = (-opening * (1 - shut)) * (0.35 * self.round + 0.65 * root) * (1 - 0.12 * self.x)
        lower = (opening * (0.55 + 0.16 * glare) * (1 - head.lower_lid * 0.6) * (1 - shut)) * (
            0.6 * self.round + 0.4 * root
        )
        # In a glare, a straight upper lid covers part of a wide open eye.
        upper = upper * (1 - glare) + glare * np.maximum(upper, -0.52 * opening * (1 - 0.10 * self.x))
        self.upper = upper + 0.020 * shut * self.round
        self.lower = lower * (1 + 0.18 * self.x) + 0.021 * shut * self.round

    def paint(self) -> None:
        patch, p, x, y, px = self.patch, self.p, self.x, self.y, self.patch.px
        makeup = p.flag("heavy_makeup")
        above = y - self.upper
        if makeup.any():
            shade = ridge(above + 0.030, 0.032) * np.clip(1.35 - x * x, 0, 1) * (0.88 * makeup)
            patch.paint(p.one_of(SHADOWS, 15), shade)
        crease = above + (0.022 + 0.05 * self.closed)
        patch.tint((0.55, 0.45, 0.43), ridge(crease, 0.0080, px) * np.clip(1.15 - x * x, 0, 1) * 0.5)
        patch.tint((0.74, 0.63, 0.61), ridge(y - self.lower - 0.013, 0.012, px) * self.round * 0.45)
        edge = np.maximum(np.maximum(-above, y - self.lower), (np.abs(x) - 1) * self.rx)
        white = patch.cover(edge) * (1 - self.closed)
        shadow = 0.90 - 0.24 * x * x - 0.36 * ridge(above, 0.015, px)
        patch.paint(_WHITES * (shadow * p.nuisance("key"))[:, None], white)
        patch.paint(_TEAR, white * smoothstep(-x, 0.78, 0.98) * 0.8)
        self._iris(white, above)
        self._lashes(makeup, above)

    def _iris(self, white: Array, above: Array) -> None:
        patch, p = self.patch, self.p
        dx = p.choice("gaze_direction", {k: v[0] for k, v in _LOOK.items()})
        dy = p.choice("gaze_direction", {k: v[1] for k, v in _LOOK.items()})
        # With a turned head, eyes that look at the camera turn back to it.
        dx = dx - p.nuisance("yaw") * p.choice("gaze_direction", {"camera": 0.018})
        u, v = patch.P - (self.cx + dx), self.y - (dy - 0.005)
        distance = np.sqrt(u * u + v * v)
        r = distance / np.float32(_IRIS)
        fibres: Array = np.full_like(patch.px, 0.5)
        fade = band(28.0, patch.px)
        if fade.any():
            fibres = fibres + fade * (line_noise(np.arctan2(v, u) * 9 + 30, p.offset) - np.float32(0.5))
        glow = (0.55 + 0.75 * fibres * smoothstep(r, 0.3, 0.7)) * (1.3 - 0.72 * smoothstep(r, 0.7, 1.0))
        glow *= (1.35 + 1.08 * smoothstep(v, -0.02, 0.03)) * (1 - 0.45 * ridge(above, 0.013, patch.px))
        patch.paint(np.minimum(p.colour("eye_colour", EYES) * glow[:, None], 1), white * patch.cover(distance - _IRIS))
        patch.paint(INK * np.float32(0.25), white * patch.cover(distance - 0.42 * _IRIS))
        hx, hy = u - p.light(0) * 0.02, v + np.float32(0.014)
        spark = patch.cover(np.sqrt(hx * hx + hy * hy) - np.float32(0.0145))
        spark += bump(u, v, -0.02 * p.light(0), 0.018, 0.010, 0.007) * np.float32(0.3)
        patch.paint(WHITE, white * np.minimum(spark, 0.95))

    def _lashes(self, makeup: Array, above: Array) -> None:
        patch, p, x = self.patch, self.p, self.x
        woman = 1 - self.head.man
        thick = 0.0056 + 0.0024 * woman + 0.0064 * makeup + 0.0040 * self.closed + 0.0085 * p.flag("glare")
        lash = thick * (1 + 0.7 * np.clip(x, -1, 1))
        lift = np.clip(x - 0.85, 0, None) * (0.05 * woman + 0.08 * makeup)
        cover = patch.strip(above + lift + lash * 0.4, lash)
        reach = 1.02 + 0.10 * woman + 0.12 * makeup
        ends = np.clip((reach - np.abs(x)) * 20, 0, 1) * np.clip((1.04 + x) * 15, 0, 1)
        patch.paint(INK * np.float32(0.6), cover * ends * 0.95)
        rim = patch.strip(self.y - self.lower, 0.0026) * np.clip((0.98 - np.abs(x)) * 20, 0, 1)
        patch.paint(_LOWER, rim * ((0.5 + 0.4 * makeup) * (1 - self.closed)))


def _brow_colour(p: Parameters) -> Array:
    dark = p.choice("hair_colour", {"blond": 0.42, "gray": 0.42, "red": 0.55}, 0.66)
    ink = (INK * np.float32(0.08))[None, :, None, None]
    return np.asarray(p.colour("hair_colour", HAIR) * dark[:, None] + ink, np.float32)


def paint_brows(canvas: Canvas, head: Head) -> None:
    """Paints both eyebrows."""
    p = canvas.p
    bushy, arched = p.flag("bushy_eyebrows"), p.flag("arched_eyebrows")
    arch = 0.002 + 0.074 * arched + 0.003 * p.body(13)
    thick = (0.0120 + 0.0240 * bushy) * (0.92 + 0.18 * head.man) + 0.001 * p.body(14)
    colour = _brow_colour(p)
    for side in (-1, 1):
        patch = canvas.window((side * 0.19, -0.203, 0.168, 0.142), fine=2)
        px = patch.px
        fade = band(36.0, px)
        t = (patch.P * side - np.float32(0.058)) / np.float32(0.252)
        c = np.clip(t, 0, 1)
        rise = np.where(c < 0.64, np.sin(c * 2.4544), np.cos((c - 0.64) * 4.3633) * 1.25 - 0.25)
        inner = (1 - c) * np.sqrt(1 - c)
        below = patch.Q + (0.172 + head.brow) + arch * rise + head.inner * inner - (0.3 * np.maximum(head.inner, 0)) * c
        width = thick * np.clip(1.06 - 0.72 * c * np.sqrt(c), 0.12, 1) * np.clip(0.55 + c * 4, 0.6, 1)
        tone: Array = np.full_like(px, 0.5)
        if fade.any():
            tone = tone + fade * (
                line_noise(t * 40 + below * (50 + 20 * c) + 11 + 50 * side, p.offset) - np.float32(0.5)
            )
        alpha = patch.cover(np.abs(below) - width * (0.78 - 0.30 * bushy + (0.50 + 0.60 * bushy) * tone), 0.006)
        alpha *= smoothstep(t, -0.06, 0.08) * (1 - smoothstep(t, 0.93, 1.04)) * (0.70 + 0.28 * tone)
        patch.paint(colour * (0.62 + 0.70 * tone)[:, None], alpha)
        canvas.put(patch)
