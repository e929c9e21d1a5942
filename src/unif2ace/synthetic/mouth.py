"""Nose and mouth: nostrils, lips, teeth, tongue."""

from __future__ import annotations

import numpy as np

from unif2ace.synthetic.canvas import Canvas, Patch
from unif2ace.synthetic.head import Head
from unif2ace.synthetic.noise import Array, band, bump, ridge, smoothstep
from unif2ace.synthetic.palette import LIPSTICK, SKIN, WHITE, linear

_THROAT, _TONGUE = linear("5a1a1a"), linear("cc5a62")
_NATURAL = np.array([0.84, 0.52, 0.54], np.float32)[None, :, None, None]
_TEETH = np.array([0.86, 0.83, 0.77], np.float32)[:, None, None]


def paint_nose(canvas: Canvas, head: Head) -> None:
    """Paints the nostrils and the sides of the nose. The shape of the nose is part of the height field in `skin`."""
    patch = canvas.window((0, 0.185, 0.165, 0.090))
    A, Q, ns, tip = np.abs(patch.P), patch.Q, head.nose, head.tip
    holes = bump(A, Q - 0.18 * (A - 0.036), 0.037 * ns, tip + 0.047, 0.0165 * ns, 0.0105)
    patch.tint((0.34, 0.22, 0.2), np.clip(1.35 * holes, 0, 1) * 0.88)
    round_ = np.sqrt(((A - 0.066 * ns) / (0.036 * ns)) ** 2 + ((Q - tip - 0.024) / np.float32(0.038)) ** 2)
    patch.tint((0.64, 0.50, 0.47), ridge(round_ - 1, 0.18) * smoothstep(A, 0.074 * ns, 0.097 * ns) * 0.55)
    canvas.put(patch)


def paint_mouth(canvas: Canvas, head: Head) -> None:
    """Paints the mouth of faces without a mask."""
    which = np.flatnonzero([not f.drawn["mask"] for f in canvas.p.faces])
    if len(which):
        patch = canvas.window((0, 0.405, 0.235, 0.165), which, fine=2)
        _Mouth(patch, head.take(patch, which)).paint()
        canvas.put(patch)


class _Mouth:
    """The mouth. x runs from -1 to 1 between the corners; the edges of the lips and the opening are functions of x."""

    def __init__(self, patch: Patch, head: Head) -> None:
        p = patch.p
        self.patch, self.p, self.width, self.open = patch, p, head.mouth_width, head.open
        self.middle, self.lift = head.mouth, head.lift
        x = self.x = patch.P / self.width
        round_ = np.clip(1 - x * x, 0, 1)
        root = np.sqrt(round_)
        fourth = np.sqrt(root)
        size = (
            (0.80 + 1.10 * p.flag("full_lips") + 0.06 * p.body(15))
            * (1.06 - 0.18 * head.man)
            * p.choice("age", {"elderly": 0.82}, 1.0)
        )
        line = self.line = self.middle - self.lift * (x * x - 0.35) + 0.004 * ridge(x, 0.16)
        laugh = p.flag("laugh")
        self.up = line - self.open * (0.30 * root * (1 - laugh) + 0.12 * round_ * laugh)
        self.down = line + self.open * (0.95 * root * (1 - laugh) + np.sqrt(round_ * root) * laugh)
        bow = 1 - 0.30 * ridge(x, 0.13) + 0.12 * ridge(np.abs(x) - 0.28, 0.16)
        self.top = self.up - 0.028 * size * fourth * root * bow
        self.bottom = self.down + 0.038 * size * fourth * np.sqrt(fourth)
        self.lip_height = 0.038 * size
        self.sides = (np.abs(x) - 1) * self.width

    def paint(self) -> None:
        patch, p, Q, px = self.patch, self.p, self.patch.Q, self.patch.px
        if (self.open > 0.004).any():
            gap = np.maximum(np.maximum(self.up - Q, Q - self.down), self.sides)
            self._inside(patch.cover(gap) * (self.open > 0.004))
        self._lips()
        closed = (self.open < 0.004) * np.clip(1.06 - np.abs(self.x), 0, 0.12) * np.float32(8.0)
        patch.tint((0.26, 0.15, 0.15), ridge(Q - self.line, 0.0062, px) * closed)
        u, v = np.abs(patch.P) - self.width * 0.99, Q - (self.middle - self.lift * 0.65)
        patch.tint((0.46, 0.34, 0.32), np.exp((u * u + v * v) * np.float32(-1 / 0.017**2)) * 0.55)
        under = bump(patch.P, Q, 0, self.middle + self.open * 0.95 + self.lip_height + 0.014, self.width * 0.5, 0.012)
        patch.tint((0.70, 0.58, 0.56), under * 0.5)
        grimace = p.flag("make_a_face")
        if grimace.any():
            self._tongue_out(grimace)

    def _inside(self, inside: Array) -> None:
        patch, p, x, Q, px = self.patch, self.p, self.x, self.patch.Q, self.patch.px
        patch.paint(_THROAT, inside)
        back = smoothstep(Q - self.middle - self.open * 0.48, 0.0, self.open * 0.30 + 0.004) * ridge(x, 0.55)
        patch.paint(_TONGUE, inside * back * (self.open > 0.05) * 0.85)
        laugh, afraid = p.flag("laugh"), p.choice("emotion", {"fear": 1.0, "anger": 1.0})
        height = 0.022 + 0.018 * laugh + 0.012 * afraid * (1 - laugh)
        low = Q - self.up - height * (1 - 0.35 * x * x)
        teeth = inside * patch.cover(np.maximum(low, (np.abs(x) - 0.88) * self.width), 0.006)
        bright = (0.94 - 0.40 * x * x) * p.nuisance("key")
        fade = band(38.0, px)
        if fade.any():
            between = np.abs(patch.P / np.float32(0.026) % 1 - np.float32(0.5)) * 2
            bright = bright * (1 - 0.16 * fade * smoothstep(between, 0.82, 1.0))
        patch.paint(_TEETH * bright[:, None], teeth)
        patch.tint((0.5, 0.44, 0.44), inside * ridge(Q - self.up, 0.009, px) * 0.6)

    def _lips(self) -> None:
        patch, p, x, Q = self.patch, self.p, self.x, self.patch.Q
        upper = patch.cover(np.maximum(np.maximum(self.top - Q, Q - self.up - 0.001), self.sides), 0.007)
        lower = patch.cover(np.maximum(np.maximum(self.down - Q, Q - self.bottom), self.sides), 0.008)
        painted = p.flag("lipstick")
        natural = p.colour("skin_tone", SKIN) * _NATURAL
        colour = painted[:, None] * p.colour("lipstick_colour", LIPSTICK) + (1 - painted[:, None]) * natural
        strength = painted * 0.92 + (1 - painted) * (0.72 - 0.16 * p.choice("gender", {"man": 1.0}))
        key, t = p.nuisance("key"), (Q - self.top) / np.maximum(self.up - self.top, 1e-3)
        patch.paint(colour * ((0.90 - 0.32 * np.clip(t, 0, 1)) * key)[:, None], upper * strength)
        t = np.clip((Q - self.down) / np.maximum(self.bottom - self.down, 1e-3), -1, 2)
        shade = (0.84 + 0.42 * ridge(t - 0.38, 0.35) - 0.26 * t + 0.1 * p.light(0) * x) * key
        patch.paint(colour * shade[:, None], lower * strength)
        patch.paint(WHITE, lower * bump(x, t, 0.25 * p.light(0), 0.35, 0.34, 0.16) * (0.10 + 0.20 * painted))

    def _tongue_out(self, grimace: Array) -> None:
        patch, p, x, Q = self.patch, self.p, self.patch.P, self.patch.Q
        half, length = np.float32(0.066), 0.155 + 0.006 * p.body(16)
        v = (Q - self.middle - self.open * 0.45) / length
        width = half * np.sqrt(np.clip(1 - np.clip(v - 0.45, 0, 1) ** 2 * 3.3, 0, 1))
        distance = np.maximum(np.abs(x) - width, np.maximum(-v, v - 1) * length)
        shade = 0.98 - 0.30 * (x / half) ** 2 - 0.30 * ridge(x, 0.009, patch.px) + 0.12 * smoothstep(v, 0.2, 0.8)
        colour = _TONGUE[None, :, None, None] * (shade * p.nuisance("key"))[:, None]
        patch.paint(colour, patch.cover(distance, 0.003) * grimace)
