"""Eyes and brows: lids, whites, irises with catch-lights, lashes; make-up around them."""

from __future__ import annotations

import numpy as np

from unif2ace.data.faces.canvas import Canvas, Patch
from unif2ace.data.faces.head import Head
from unif2ace.data.faces.noise import Array, band, bump, line_noise, ridge, smoothstep
from unif2ace.data.faces.palette import EYES, HAIR, INK, SHADOWS, WHITE, linear
from unif2ace.data.faces.parameters import Parameters

_TEAR, _LOWER = linear("c98a80"), linear("5b352a")
_IRIS = 0.053
_LOOK = {"left": (-0.042, 0.0), "right": (0.042, 0.0), "up": (0.0, -0.022), "down": (0.0, 0.016)}
CENTRE_X, CENTRE_Y = 0.200, -0.062


def paint_eyes(canvas: Canvas, head: Head) -> None:
    """Paints both eyes of everyone without sunglasses."""
    for side in (-1, 1):
        at = canvas.window(side * CENTRE_X, CENTRE_Y - 0.01, 0.16, 0.12)
        which = np.flatnonzero([not f.drawn["sunglasses"] for f in canvas.p.faces])
        if not len(which):
            return
        patch = canvas.patch(at, which)
        _Eye(patch, _numbers(head, which), side).paint()
        canvas.put(patch, at, which)


def _numbers(head: Head, which: np.ndarray[tuple[int, ...], np.dtype[np.intp]]) -> dict[str, Array]:
    return {name: getattr(head, name)[which] for name in ("eye", "lower_lid", "man", "brow", "inner")}


class _Eye:
    """One eye; x runs from -1 at the inner corner to 1 at the outer, y downwards from its middle."""

    def __init__(self, patch: Patch, head: dict[str, Array], side: int) -> None:
        p = patch.p
        self.patch, self.p, self.side, self.head = patch, p, side, head
        self.closed = p.flag("eyes_closed")
        self.cx = side * (CENTRE_X + 0.006 * p.body(10))
        self.rx = 0.114 + 0.004 * p.body(11)
        self.x = (patch.P - self.cx) / self.rx * side
        slant = 0.006 + 0.006 * p.body(12)
        self.y = patch.Q - CENTRE_Y + slant * self.x
        round_, root = np.clip(1 - self.x * self.x, 0, 1), None
        root = np.sqrt(round_)
        narrow = p.flag("narrow_eyes")
        opening = (0.056 * (1 - narrow) + 0.026 * narrow) * head["eye"] * (1.04 - 0.08 * head["man"])
        down = p.choice("gaze_direction", {"down": 0.6}, 1.0)
        opening = np.maximum(opening, 0.019) * down
        shut = self.closed
        upper = -opening * (0.35 * round_ + 0.65 * root) * (1 - 0.12 * self.x)
        lower = opening * 0.55 * (0.6 * round_ + 0.4 * root) * (1 + 0.18 * self.x) * (1 - head["lower_lid"] * 0.6)
        self.upper = upper * (1 - shut) + 0.020 * round_ * shut
        self.lower = lower * (1 - shut) + (0.021 * round_) * shut
        self.inside = np.clip(1.15 - self.x * self.x, 0, 1)

    def paint(self) -> None:
        patch, p, x, y = self.patch, self.p, self.x, self.y
        makeup = p.flag("heavy_makeup")
        if makeup.any():
            shade = ridge(y - self.upper + 0.030, 0.032) * np.clip(1.35 - x * x, 0, 1) * 0.88 * makeup
            patch.paint(p.one_of(SHADOWS, 15), shade)
        crease = self.upper * (1 - self.closed) - 0.03 * self.closed - 0.022
        patch.tint((0.55, 0.45, 0.43), ridge(y - crease, 0.0075) * self.inside * 0.5)
        patch.tint((0.74, 0.63, 0.61), ridge(y - self.lower - 0.013, 0.012) * np.clip(1 - x * x, 0, 1) * 0.45)
        edge = np.maximum(np.maximum(self.upper - y, y - self.lower), (np.abs(x) - 1) * self.rx)
        white = patch.cover(edge) * (1 - self.closed)
        key = p.nuisance("key")
        shadow = 0.90 - 0.24 * x * x - 0.36 * ridge(y - self.upper, 0.015)
        patch.paint(np.stack([shadow * key * np.float32(q) for q in (0.90, 0.87, 0.85)], 1), white)
        patch.paint(_TEAR, white * smoothstep(-x, 0.78, 0.98) * 0.8)
        self._iris(white)
        self._lashes(makeup)

    def _iris(self, white: Array) -> None:
        patch, p = self.patch, self.p
        dx = p.choice("gaze_direction", {k: v[0] for k, v in _LOOK.items()})
        dy = p.choice("gaze_direction", {k: v[1] for k, v in _LOOK.items()})
        u, v = patch.P - self.cx - dx - p.nuisance("yaw") * np.float32(0.004), self.y - dy + np.float32(0.005)
        r = np.sqrt(u * u + v * v) / np.float32(_IRIS)
        fibres = p.numbers([0.5] * len(p.faces))
        fade = band(28.0, patch.px)
        if fade.any():
            angle = np.arctan2(v, u)
            fibres = fibres + fade * (line_noise(angle * 9 + 30, p.offset) - np.float32(0.5))
        glow = (0.55 + 0.75 * fibres * smoothstep(r, 0.3, 0.7)) * (1.3 - 0.72 * smoothstep(r, 0.7, 1.0))
        glow = glow * (1 + 0.8 * smoothstep(v, -0.02, 0.03)) * (1 - 0.45 * ridge(self.y - self.upper, 0.013)) * 1.35
        colour = np.clip(p.colour("eye_colour", EYES) * glow[:, None], 0, 1)
        soft = patch.px * np.float32(1.2)
        patch.paint(colour, white * np.clip(0.5 - (r - 1) * _IRIS / soft, 0, 1))
        patch.paint(INK * np.float32(0.25), white * np.clip(0.5 - (r - 0.42) * _IRIS / soft, 0, 1))
        hx, hy = u - p.light(0) * 0.02, v + np.float32(0.014)
        spark = np.clip(0.5 - (np.sqrt(hx * hx + hy * hy) - np.float32(0.0125)) / soft, 0, 1)
        patch.paint(WHITE, white * spark * 0.95)
        patch.paint(WHITE, white * bump(u, v, -0.02 * p.light(0), 0.018, 0.010, 0.007) * 0.3)

    def _lashes(self, makeup: Array) -> None:
        patch, p, x, y = self.patch, self.p, self.x, self.y
        woman = 1 - self.head["man"]
        thick = 0.0042 + 0.0020 * woman + 0.0060 * makeup + 0.0014 * self.closed
        lash = thick * (1 + 0.7 * np.clip(x, -1, 1))
        line = np.where(x > 0.85, self.upper - (x - 0.85) * (0.05 * woman + 0.08 * makeup), self.upper)
        reach = 1.02 + 0.10 * woman + 0.12 * makeup
        cover = np.clip(0.5 + (lash - np.abs(y - line + lash * 0.4)) / (patch.px * np.float32(1.1)), 0, 1)
        ends = np.clip((reach - np.abs(x)) * 20, 0, 1) * np.clip((1.02 + x * 0.98) * 30, 0, 1)
        patch.paint(INK * np.float32(0.6), cover * ends * 0.93)
        rim = np.clip(0.5 + (0.0018 - np.abs(y - self.lower)) / (patch.px * np.float32(1.3)), 0, 1) * (1 - self.closed)
        patch.paint(_LOWER, rim * np.clip((0.98 - np.abs(x)) * 20, 0, 1) * (0.4 + 0.35 * makeup))


def _brow_colour(p: Parameters) -> Array:
    dark = p.choice("hair_colour", {"blond": 0.42, "gray": 0.42, "red": 0.55}, 0.66)
    return np.asarray(p.colour("hair_colour", HAIR) * dark[:, None] + INK[None, :, None, None] * np.float32(0.08), np.float32)


def paint_brows(canvas: Canvas, head: Head) -> None:
    """Paints both eyebrows."""
    for side in (-1, 1):
        at = canvas.window(side * 0.20, -0.18, 0.18, 0.13)
        patch = canvas.patch(at)
        p = patch.p
        bushy, arched = p.flag("bushy_eyebrows"), p.flag("arched_eyebrows")
        t = (patch.P * side - np.float32(0.058)) / np.float32(0.252)
        clipped = np.clip(t, 0, 1)
        arch = 0.014 + 0.040 * arched + 0.003 * p.body(13)
        rise = np.where(clipped < 0.64, np.sin(clipped * 2.4544), np.cos((clipped - 0.64) * 4.3633) * 1.25 - 0.25)
        middle = -0.155 - head.brow - arch * rise - head.inner * (1 - clipped) ** 1.4 + 0.3 * np.maximum(head.inner, 0) * clipped
        width = (0.0125 + 0.016 * bushy) * (0.92 + 0.18 * head.man) + 0.001 * p.body(14)
        width = width * np.clip(1.06 - 0.72 * clipped * np.sqrt(clipped), 0.12, 1) * np.clip(0.55 + clipped * 4, 0.6, 1)
        strands = p.numbers([0.5] * len(p.faces))
        fade = band(26.0, patch.px)
        if fade.any():
            strands = strands + fade * (line_noise(t * 46 + (patch.Q - middle) * (60 + 30 * clipped) + 11 + 50 * side, p.offset) - 0.5)
        distance = np.abs(patch.Q - middle) - width * (0.78 + 0.55 * strands)
        alpha = np.clip(0.5 - distance / (patch.px * np.float32(1.2) + np.float32(0.003)), 0, 1)
        alpha = alpha * smoothstep(t, -0.05, 0.06) * (1 - smoothstep(t, 0.95, 1.04)) * (0.66 + 0.32 * strands)
        patch.paint(_brow_colour(p) * (0.6 + 0.75 * strands)[:, None], np.broadcast_to(alpha, patch.P.shape))
