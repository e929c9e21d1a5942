"""Hair of the head: silhouette, hairline, strands and lighting.

Hair covers the region inside a silhouette and outside an opening for the face. Each strand follows a level line of a
coordinate `s`. Waves bend this coordinate, and curls replace the strands.
"""

from __future__ import annotations

import numpy as np

from unif2ace.synthetic.canvas import Canvas, Index, Patch
from unif2ace.synthetic.hairline import opening
from unif2ace.synthetic.hairstyle import hairstyle
from unif2ace.synthetic.head import Head
from unif2ace.synthetic.noise import Array, band, cell_values, plane_noise, ridge, slopes, smoothstep, strands
from unif2ace.synthetic.palette import HAIR
from unif2ace.synthetic.parameters import Parameters
from unif2ace.synthetic.skin import lit_skin

_LOCKS = ((10.0, 1.0),)
_FIBRES = ((10.0, 0.55), (26.0, 0.52), (60.0, 0.46), (140.0, 0.38))


class Hair:
    """Paints the hair of all faces that are not bald.

    Args:
        canvas: The canvas to paint on.
        head: Measures of the heads on the canvas.
    """

    def __init__(self, canvas: Canvas, head: Head) -> None:
        self.canvas = canvas
        self.which: Index = np.flatnonzero([not f.drawn["bald"] for f in canvas.p.faces])
        if not len(self.which):
            return
        at = self.which
        patch = self.patch = canvas.patch(None, at)
        self.p, self.U, self.V, self.px = patch.p, patch.U, patch.V, patch.px
        self.style = hairstyle(self.p)
        self.a, self.edge, self.man = head.a[at], head.edge[at], head.man[at]
        self._comb()
        self._silhouette()

    def _comb(self) -> None:
        """Computes the coordinate across the strands, including waves, and the brightness of the strands."""
        p, U, V, st = self.p, self.U, self.V, self.style
        up = np.minimum(V + np.float32(0.12), 0)
        across = U - st.part
        fallen = np.sqrt(across * across + (up * np.float32(0.89)) ** 2) * np.where(
            across > 0, np.float32(1), np.float32(-1)
        )
        fan = U / np.maximum(V + np.float32(1.1), np.float32(0.35)) * np.float32(0.75)
        back = np.arctan2(U - p.nuisance("yaw") * np.float32(0.1), np.float32(0.40) - V) * np.float32(0.62)
        s = np.where(st.swept > 0, back, np.where(st.bangs > 0, fan, fallen))
        along = V - 0.55 * np.minimum(np.abs(U), 0.6)
        # Both sides of a parting have similar tones.
        like = np.where(st.swept + st.bangs > 0, s, np.abs(s) + 0.02 * np.sign(s))
        self.wave = np.sin(along * (17 + 7 * st.short) + 3 * p.jitter(22) + 4 * np.clip(like, -1, 1)) * st.wavy
        like = like + 0.055 * self.wave
        like += 0.05 * along
        size = self.canvas.size
        self.locks = 0.5 + strands(like, _LOCKS, size, p.offset)
        self.tone = 0.5 + strands(like, _FIBRES, size, p.offset) + (0.17 + 0.10 * st.short) * self.wave
        curled = np.flatnonzero(st.curly[:, 0, 0])
        if len(curled):
            self._curl(curled)

    def _curl(self, which: Index) -> None:
        """Replaces the strands of the faces `which` (R,) by curls, with 4 samples per pixel up to size 160."""
        U, V, px, p = self.U[which], self.V[which], self.px[which], self.p.take(which)
        steps = (-0.25, 0.25) if self.canvas.size <= 160 else (0.0,)
        tones, heights = zip(*(_curls(U + dx * px, V + dy * px, px, p) for dx in steps for dy in steps), strict=True)
        self.tone[which] = sum(tones, np.float32(0)) / len(tones)
        self.locks[which] = sum(heights, np.float32(0)) * np.float32(0.85 / len(heights))

    def _silhouette(self) -> None:
        U, V, st = self.U, self.V, self.style
        outer, top = self.a + st.volume + 0.020, 0.58 + st.volume
        v = np.minimum(V + np.float32(0.08), 0) / top
        u = U / outer
        dome = (np.sqrt(u * u + v * v) - 1) * np.float32(0.58)
        jag = (self.locks - 0.5) * (0.030 + 0.075 * st.curly) + (0.016 + 0.014 * st.short) * self.wave
        # Short hair lies close to the head above the ears; longer hair falls and widens.
        flare = 0.05 + 0.09 * smoothstep(V, 0.1, 0.9) - 0.09 * st.medium * smoothstep(V, st.end - 0.20, st.end)
        width = (
            outer
            + st.fall * (flare + 0.05 * st.curly) * smoothstep(V, -0.10, 0.30)
            + 0.030 * self.wave * st.fall * smoothstep(V, -0.05, 0.2)
        )
        width = width - st.short * (st.volume + 0.026) * smoothstep(V, -0.22, 0.02)
        falling = np.maximum(np.abs(U) - width, V - st.end - 0.12 * (self.locks - 0.5))
        outside = np.where(V < -0.08, np.maximum(dome, np.abs(U) - width), falling) - jag
        self.width = width
        face = opening(self.patch, st, self.a, self.edge)
        # Only coarse locks roughen the edge, so that the edge is the same in small images.
        rough = (1.5 - 0.5 * st.curly) * (self.locks - 0.5)
        face += rough * (0.030 + 0.035 * st.bangs + 0.02 * st.curly)
        self.outside, self.open = (_as_distance(d, self.px) for d in (outside, face))

    def paint_back(self) -> None:
        """Paints the hair behind the neck."""
        if not len(self.which):
            return
        long = np.flatnonzero(self.style.fall[:, 0, 0])
        if len(long):
            at = self.which[long]
            patch = self.canvas.patch(None, at)
            shade = 0.42 + 0.30 * self.style.tucked[long] * smoothstep(np.abs(self.U[long]), 0.30, 0.42)
            inset = self.px[long] * smoothstep(np.abs(self.U[long]), 0.38, 0.42) * (1 - self.style.tucked[long])
            patch.paint(self._colour(shade, long), patch.cover(self.outside[long] + inset, 0.016))
            self.canvas.put(patch)

    def paint_front(self) -> None:
        """Paints the hair around the face, and its shadow on the face."""
        if not len(self.which):
            return
        patch = self.canvas.patch(None, self.which)
        every = np.arange(len(self.which))
        alpha = patch.cover(np.maximum(self.outside, self.open), 0.016)
        alpha *= 1 - 0.85 * self.style.short * smoothstep(self.V, -0.13, 0.06)
        near = np.exp(-np.clip(self.open, 0, None) / np.float32(0.035)) * (self.outside < 0.02)
        on_face = patch.cover(self.edge) * (1 - 0.5 * self.style.short)
        patch.tint((0.52, 0.42, 0.40), near * on_face * (1 - alpha) * 0.6)
        patch.paint(self._colour(np.ones((len(every), 1, 1), np.float32), every), alpha)
        self._parting(patch, alpha)
        self.canvas.put(patch)

    def _parting(self, patch: Patch, alpha: Array) -> None:
        """Paints the scalp along the parting, if no hat covers it; `alpha` (B, h, w) is the opacity of the hair."""
        st, V = self.style, self.V
        bare = (
            (1 - st.swept)
            * (1 - st.bangs)
            * (1 - st.curly)
            * (1 - self.p.flag("hat"))
            * (1 - self.p.flag("receding_hairline"))
        )
        if not bare.any():
            return
        line = ridge(self.U - st.part * (0.75 - 0.6 * (V + 0.4)), 0.009, self.px)
        line *= smoothstep(-V, 0.36, 0.42) * (1 - smoothstep(-V, 0.56, 0.66)) * bare * alpha
        patch.paint(lit_skin(self.p, np.full_like(V, 0.5)), line * 0.75)

    def _colour(self, shade: Array, which: Index) -> Array:
        p, st = self.p.take(which), self.style
        U, V, tone = self.U[which], self.V[which], self.tone[which]
        lx, key = p.light(0), p.nuisance("key")
        u = U / (self.width[which] + 0.10)
        round_ = np.clip(1.10 - 0.72 * u * u + 0.42 * lx * u, 0.2, 1.5)
        round_ *= 1 - 0.30 * smoothstep(V, 0.0, 0.9) + 0.10 * smoothstep(-V, 0.2, 0.6)
        rim = 1 - 0.40 * np.clip(1 + self.outside[which] / np.float32(0.05), 0, 1)
        light = (0.30 + 0.95 * tone) * round_ * rim * key * shade
        curly = st.curly[which]
        r = np.sqrt((U - 0.10 * lx) ** 2 + (V + np.float32(0.05)) ** 2)
        crown = ridge(r - 0.50 - 0.10 * (self.locks[which] - 0.5), 0.075) * smoothstep(-V, 0.02, 0.35)
        fallen = ridge(V - 0.26 + 0.12 * np.abs(U) - 0.08 * (self.locks[which] - 0.5), 0.14) * st.fall[which] * 0.55
        gloss = (
            (crown + fallen) * np.clip(0.8 + 0.7 * lx * u, 0.1, 1.5) * np.clip(tone, 0, 1) * (1 - 0.55 * curly) * shade
        )
        hair = p.colour("hair_colour", HAIR) * (1 + np.float32(0.10) * p.body(21)[:, None])
        out = np.empty((len(which), 3, *U.shape[1:]), np.float32)
        for c, (fall, shine) in enumerate(((1.0, 0.072), (0.86, 0.068), (0.74, 0.066))):
            # In fair hair, shadows are warmer than lights.
            toned = light * (fall + (1 - fall) * np.minimum(light, 1.0))
            out[:, c] = hair[:, c] * (toned + 1.1 * gloss) + shine * gloss
        return out


def _as_distance(field: Array, px: Array) -> Array:
    """Scales a field (B, S, S) with value 0 on an edge to a signed distance near the edge."""
    gx, gy = slopes(field, px)
    gx *= gx
    gy *= gy
    gx += gy
    # At a kink, finite differences underestimate the slope: dividing by it would harden the edge.
    return field / np.sqrt(np.maximum(gx, 0.9, out=gx), out=gx)


def _curls(U: Array, V: Array, px: Array, p: Parameters) -> tuple[Array, Array]:
    """Brightness and height of curls, (B, S, S) each: two layers of jittered domes with spirals."""
    warp = plane_noise(U * 4, V * 4, p.offset) * np.float32(0.16)
    U, V = U + warp, V - np.float32(0.7) * warp
    height, turned, light = np.zeros_like(U), np.zeros_like(U), np.zeros_like(U)
    lx = p.light(0)
    for layer, frequency in enumerate((8.5, 11.0)):
        x, y = (
            U * np.float32(frequency) + np.float32(0.5 * layer),
            V * np.float32(frequency * 0.9) + np.float32(0.37 * layer),
        )
        i, j = np.floor(x), np.floor(y)
        cell = i.astype(np.int32) * 131 + j.astype(np.int32) * 57 + p.offset + 400 * layer
        x -= i + (0.30 + 0.40 * cell_values(cell))
        y -= j + (0.30 + 0.40 * cell_values(cell + 311))
        r2 = x * x + y * y
        dome = np.clip(1.05 - r2 * np.float32(2.3), 0, 1) * (0.7 + 0.3 * cell_values(cell + 77))
        on_top = dome > height
        height = np.maximum(height, dome)
        light = np.where(on_top, lx * x * np.float32(0.8) - y * np.float32(0.55), light)
        if fine_enough := bool((px < 0.02).any()):
            spiral = np.sin(np.arctan2(y, x) + np.sqrt(r2) * 24 + 6 * cell_values(cell + 500))
            turned = np.where(on_top, spiral, turned)
    tone = 0.28 + 0.38 * height + np.clip(light, -0.3, 0.3)
    if fine_enough:
        tone += 0.16 * band(16.0, px) * turned * height
    return tone, height


def make_hair(canvas: Canvas, head: Head) -> Hair:
    """Prepares the hair of the faces on a canvas without painting it."""
    return Hair(canvas, head)
