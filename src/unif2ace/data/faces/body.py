"""Neck, shoulders, clothes, necktie and necklace: they stay upright while the head tilts."""

from __future__ import annotations

import numpy as np

from unif2ace.data.faces.canvas import Canvas, Patch, Window
from unif2ace.data.faces.head import Head
from unif2ace.data.faces.noise import band, plane_noise, ridge, smoothstep
from unif2ace.data.faces.palette import CLOTH, SKIN, SUIT, TIES, WHITE, linear

_TOP = 0.30  # y above which nothing of the body is drawn
_RAISED = 0.185  # how far the shoulders stand above the chin's own proportions, so that the frame shows clothes
_GOLD, _BRIGHT_GOLD, _PEARL = linear("e0b64e"), linear("f2d987"), linear("efe9df")
_SKIN_TONE = (1.0, 0.94, 0.91)


class _Body:
    """The part of the picture below the chin; x and y are not turned with the head."""

    def __init__(self, canvas: Canvas, head: Head) -> None:
        self.canvas, self.head, self.p = canvas, head, canvas.p
        lowest = (_TOP * 1.10 + 0.0 + 1) * canvas.size / 2
        self.at: Window = (slice(int(lowest), canvas.size), slice(None))
        self.patch: Patch = canvas.patch(self.at)
        self.x, self.y = canvas.x[:, :, :][:, 0:1, :], canvas.y[:, int(lowest) :, 0:1] + np.float32(_RAISED)
        self.x = np.broadcast_to(self.x, self.patch.P.shape)
        self.y = np.broadcast_to(self.y, self.patch.P.shape)
        self.man = head.man
        self.lit = self.p.light(0)
        self.key = self.p.nuisance("key")
        ax = np.abs(self.x)
        slope = 0.26 + 0.02 * self.p.body(17)
        reach = 0.74 + 0.12 * self.man
        self.shoulder = 0.805 + 0.02 * (1 - self.man) + slope * (ax / reach) ** 2 * np.sqrt(np.sqrt(ax / reach))
        self.half = 0.27 + 0.03 * self.man
        kinds = {name: self.p.choice("clothing", {name: 1.0}) for name in ("crew-neck top", "v-neck top", "collared shirt", "suit jacket")}
        self.crew, self.vee, self.shirt, self.suit = kinds.values()
        inner = np.clip(1 - ax / self.half, 0, 1)
        crew = 0.095 * np.sqrt(np.clip(1 - (self.x / self.half) ** 2, 0, 1))
        self.neckline = self.shoulder + self.crew * crew + self.vee * 0.42 * inner + (self.shirt + self.suit) * 0.20 * np.clip(1 - ax / 0.2, 0, 1)

    def paint(self) -> None:
        self._neck()
        self._cloth()
        formal = np.flatnonzero([f.drawn["clothing"] in ("collared shirt", "suit jacket") for f in self.p.faces])
        if len(formal):
            self._collar()
        if len(self.p.where("necklace", True)):
            self._necklace()

    def _neck(self) -> None:
        patch, x, y = self.patch, self.x, self.y
        width = 0.20 + 0.05 * self.man + 0.012 * self.p.body(18)
        flare = 0.06 * smoothstep(y, 0.70, 0.92)
        distance = np.abs(x) - width - flare
        neck = patch.cover(distance) * (y > 0.12 + _RAISED)
        chest = patch.cover(self.shoulder - y) * (np.abs(x) < self.half + 0.04)
        alpha = np.maximum(neck, chest)
        shade = np.clip(0.86 - 0.42 * (x / (width + flare)) ** 2 + 0.42 * self.lit * x / width, 0.14, 1.05)
        under = ridge(y - (self.head.chin + 0.10 + _RAISED * 0.9), 0.13) * (1 - 0.3 * np.abs(x))
        shade = shade * (1 - 0.55 * under) * self.key
        colour = self.p.colour("skin_tone", SKIN)
        patch.paint(np.stack([colour[:, c] * shade * np.float32(0.92 * _SKIN_TONE[c]) for c in range(3)], 1), alpha)

    def _cloth(self) -> None:
        patch, p, x, y = self.patch, self.p, self.x, self.y
        ax = np.abs(x)
        opening = np.where(ax < self.half * 1.08, self.neckline - y, np.float32(-9))
        alpha = patch.cover(np.maximum(self.shoulder - y, opening))
        fold = plane_noise(x * 5 + y * 2, y * 3, p.offset) * np.float32(0.6) + np.float32(0.2)
        fade = band(11.0, patch.px)
        if fade.any():
            fold = fold + fade * 0.4 * (plane_noise(x * 11 - y * 6, y * 5 + 9, p.offset) - 0.5)
        lit = np.clip((0.62 + 0.45 * fold) * (1 - 0.4 * x * x + 0.35 * self.lit * x), 0.14, 1.3) * self.key
        seam = (self.crew + self.vee) * (ax < self.half)
        lit = lit * (1 - 0.4 * seam * ridge(y - self.neckline, 0.022)) + 0.10 * seam * ridge(y - self.neckline - 0.045, 0.013)
        cloth = p.colour("clothing_colour", CLOTH) * (1 + np.float32(0.07) * p.jitter(6)[:, None])
        patch.paint(cloth * lit[:, None] + np.float32(0.004), alpha)

    def _collar(self) -> None:
        """Shirt collar; for a suit also the shirt's front, lapels, and for both the necktie."""
        patch, p, x, y = self.patch, self.p, self.x, self.y
        ax, suit, formal = np.abs(x), self.suit, self.suit + self.shirt
        cloth, under = p.colour("clothing_colour", CLOTH), p.one_of(SUIT, 7)
        shirt = cloth * (1 - suit[:, None]) + under * suit[:, None]
        shade = np.clip((0.98 + 0.6 * self.lit * x) * self.key, 0.3, 1.25)
        front = np.maximum(self.shoulder + 0.02 - y, ax - 0.10 - 0.02 * (y - 0.8))
        patch.paint(shirt * (shade * 0.94)[:, None], patch.cover(front) * suit)
        if len(p.where("necktie", True)):
            self._tie()
        lapel = np.maximum(np.maximum(0.845 - y, (0.065 + 0.32 * (y - 0.845)) * -1 + 0.13 - ax), ax - 0.13 - 0.30 * (y - 0.845))
        edge = ridge(ax - 0.085 - 0.02 * (y - 0.8), 0.010) * smoothstep(y, 0.83, 0.87)
        patch.tint((0.45, 0.45, 0.47), edge * suit * 0.8)
        patch.tint((0.72, 0.72, 0.74), patch.cover(lapel) * suit * 0.5)
        wing = np.maximum(np.maximum(0.785 - y, y - (1.055 - 0.62 * ax)), np.maximum(ax - 0.285, (0.99 - y) * 0.62 - ax))
        alpha = patch.cover(wing) * formal
        patch.paint(shirt * shade[:, None], alpha)
        patch.tint((0.5, 0.5, 0.52), ridge(wing, np.maximum(0.010, patch.px * 0.5)) * formal * 0.7 * (y > 0.79))

    def _tie(self) -> None:
        patch, p, x, y = self.patch, self.p, self.x, self.y
        worn = p.flag("necktie")
        knot = np.maximum(np.abs(x) - (0.062 - 0.22 * (y - 0.86)), np.maximum(0.855 - y, y - 0.955))
        blade = np.maximum(np.abs(x) - (0.036 + 0.16 * (y - 0.95)), 0.95 - y)
        stripe = 0.86 + 0.28 * smoothstep(np.sin((x + y) * 46), -0.3, 0.3) * band(14.0, patch.px)
        lit = (0.95 + 2.5 * self.lit * x) * self.key * stripe
        alpha = patch.cover(np.minimum(knot, blade)) * worn
        patch.paint(p.one_of(TIES, 8) * lit[:, None], alpha)
        patch.tint((0.5, 0.5, 0.5), ridge(y - 0.957, 0.008) * (np.abs(x) < 0.045) * worn * 0.8)

    def _necklace(self) -> None:
        patch, p, x, y = self.patch, self.p, self.x, self.y
        worn = p.flag("necklace")
        half = self.half - 0.02
        hang = 0.815 + 0.09 * np.sqrt(np.clip(1 - (x / half) ** 2, 0, 1)) + self.vee * 0.02
        inside = (np.abs(x) < half) * worn
        pearls = p.numbers([1.0 if f.nuisance.jitter[9] > 0 else 0.0 for f in p.faces])
        width = np.maximum(np.float32(0.0115), patch.px * np.float32(0.45))
        glint = 0.75 + 0.35 * np.sin(x * 120) * band(20.0, patch.px)
        line = ridge(y - hang, width) * inside
        patch.paint(np.stack([c * glint for c in _GOLD], 1), line * (1 - pearls) * 0.95)
        drop = np.sqrt(x * x + (y - 0.93 - self.vee * 0.02) ** 2) - np.float32(0.028)
        patch.paint(_BRIGHT_GOLD, patch.cover(drop) * (1 - pearls) * worn)
        step = np.float32(0.05)
        k = np.round(x / step) * step
        centre = 0.815 + 0.09 * np.sqrt(np.clip(1 - (k / half) ** 2, 0, 1)) + self.vee * 0.02
        bead = np.sqrt((x - k) ** 2 + (y - centre) ** 2)
        on = (np.abs(k) < half - 0.01) * worn * pearls
        patch.tint((0.55, 0.5, 0.48), ridge(bead - 0.027, 0.008) * on * 0.6)
        patch.paint(_PEARL, patch.cover(bead - np.float32(0.025)) * on)
        patch.paint(WHITE, ridge(np.sqrt((x - k + 0.007) ** 2 + (y - centre + 0.007) ** 2), 0.008) * on)


def paint_body(canvas: Canvas, head: Head) -> None:
    """Paints everything below the chin."""
    _Body(canvas, head).paint()


