"""Tops, collars, jackets, neckties and necklaces, painted over the neck.

x (B, h, w) is the horizontal distance from the middle of the neck, and y (B, h, 1) increases downwards. The pit of the
neck is near y = 0.76.
"""

from __future__ import annotations

import math

import numpy as np

from unif2ace.synthetic.canvas import Patch
from unif2ace.synthetic.noise import Array, band, bump, plane_noise, ridge, smoothstep
from unif2ace.synthetic.palette import CLOTH, SUIT, TIES, linear
from unif2ace.synthetic.parameters import Parameters

_GOLD, _PEARL = linear("e3b64c"), linear("f1ebe0")


def paint_clothes(patch: Patch, x: Array, y: Array, shoulder: Array) -> None:
    """Paints clothes, neckties and necklaces.

    Args:
        patch: Window below the face.
        x: Horizontal distance from the middle of the neck, (B, h, w).
        y: Body coordinate downwards, (B, h, 1).
        shoulder: Height of the shoulder line, (B, h, w).
    """
    p = patch.p
    A = np.abs(x)
    light = _cloth_light(p, x, y)
    colour = p.colour("clothing_colour", CLOTH) * (1 + np.float32(0.10) * p.jitter(6)[:, None])
    for name, paint in (
        ("crew-neck top", _crew), ("v-neck top", _v_neck), ("collared shirt", _shirt), ("suit jacket", _suit),
    ):  # fmt: skip
        which = p.where("clothing", name)
        if len(which):
            part = _part(patch, which)
            paint(part, x[which], A[which], y[which], shoulder[which], colour[which], light[which])
            patch.image[which] = part.image
    for name, paint_worn in (("necktie", _necktie), ("necklace", _necklace)):
        which = p.where(name, True)
        if len(which):
            part = _part(patch, which)
            paint_worn(part, x[which], y[which])
            patch.image[which] = part.image


def _part(patch: Patch, which: np.ndarray[tuple[int, ...], np.dtype[np.intp]]) -> Patch:
    empty = patch.px[:0]
    return Patch(patch.image[which], patch.p.take(which), empty, empty, empty, empty, patch.px[which], None)


def _cloth_light(p: Parameters, x: Array, y: Array) -> Array:
    fold = plane_noise(x * 5 + y * 2, y * 3.5, p.offset) * np.float32(0.6)
    fold += plane_noise(x * 11 - y * 6, y * 6 + 9, p.offset) * np.float32(0.4)
    light = (0.62 + 0.42 * fold) * np.clip(1 - 0.35 * x * x + 0.35 * p.light(0) * x, 0.2, 1.3)
    light *= 1 - 0.38 * np.exp(-(((y - 0.70) / np.float32(0.10)) ** 2) - (x / np.float32(0.26)) ** 2)
    return np.asarray(light * p.nuisance("key"), np.float32)


def _lay(patch: Patch, colour: Array, light: Array, distance: Array, blur: float = 0.0) -> None:
    patch.paint(colour * light[:, None] + np.float32(0.004), patch.cover(distance, blur))


def _crew(patch: Patch, x: Array, A: Array, y: Array, shoulder: Array, colour: Array, light: Array) -> None:
    neckline = 0.775 + 0.012 * patch.p.jitter(7) - 1.30 * x * x
    below = y - neckline
    rib = smoothstep(below, 0.030, 0.040)
    light = (
        light
        * (0.80 + 0.20 * rib)
        * (1 - 0.35 * ridge(below - 0.036, 0.007, patch.px))
        * (1 + 0.25 * ridge(below - 0.010, 0.010, patch.px))
    )
    _shade_edge(patch, below, shoulder - y)
    _lay(patch, colour, light, np.maximum(shoulder - 0.012 - y, -below))


def _v_neck(patch: Patch, x: Array, A: Array, y: Array, shoulder: Array, colour: Array, light: Array) -> None:
    neckline = 0.965 + 0.02 * patch.p.jitter(7) - 1.12 * A + 0.20 * A * A
    below = (y - neckline) * np.float32(0.68)
    light = light * (0.82 + 0.18 * smoothstep(below, 0.028, 0.036)) * (1 + 0.25 * ridge(below - 0.010, 0.010, patch.px))
    _shade_edge(patch, below, shoulder - y)
    _lay(patch, colour, light, np.maximum(shoulder - 0.012 - y, -below))


def _shade_edge(patch: Patch, below: Array, beside: Array) -> None:
    """Paints the shadow of a neckline on the skin.

    Args:
        patch: Window below the face.
        below: Signed distance to the neckline, (B, h, w); positive on the cloth.
        beside: Signed distance to the shoulder line, (B, h, w); positive above the shoulders, where no shadow falls.
    """
    near = np.exp(-np.clip(-below, 0, None) / np.float32(0.016))
    patch.tint((0.55, 0.45, 0.42), near * patch.cover(beside + 0.012) * 0.6)


def _convex(A: Array, y: Array, *corners: tuple[float, float]) -> Array:
    """Approximate signed distance to a convex polygon, (B, h, w). Corners are in clockwise order on the screen."""
    out: Array | None = None
    for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True):
        length = math.hypot(x1 - x0, y1 - y0)
        side = (A - x0) * np.float32((y1 - y0) / length) - (y - y0) * np.float32((x1 - x0) / length)
        out = side if out is None else np.maximum(out, side)
    assert out is not None
    return out


def _collar(patch: Patch, A: Array, y: Array, colour: Array, light: Array, spread: float) -> None:
    """Paints both flaps of a shirt collar; `A`, `y` and `light` are (B, h, w), and `spread` moves the tips outwards."""
    flap = _convex(A, y, (0.215, 0.635), (0.325 + spread, 0.705), (0.175 + spread, 0.895), (0.022, 0.795))
    beside = patch.cover(A - 0.34)
    patch.tint((0.42, 0.42, 0.46), np.exp(-np.clip(flap, 0, None) / np.float32(0.024)) * 0.6 * beside * (y > 0.66))
    rim = 1 - 0.22 * ridge(flap + 0.013, 0.008, patch.px)
    fold = 1 - 0.30 * np.exp(-np.clip((A - 0.215 + (y - 0.635) * 1.21) * 0.64, 0, None) / np.float32(0.02))
    _lay(patch, colour, np.asarray((0.40 + 0.72 * light) * rim * fold, np.float32), flap)


def _shirt(patch: Patch, x: Array, A: Array, y: Array, shoulder: Array, colour: Array, light: Array) -> None:
    opening = np.where(patch.p.flag("necktie") > 0, np.float32(0.79), np.float32(0.88)) - 0.80 * A
    below = (y - opening) * np.float32(0.69)
    _shade_edge(patch, below, shoulder - y)
    placket = ridge(A - 0.032, 0.006, patch.px) * (y > 0.8)
    _lay(patch, colour, light * (1 - 0.3 * placket), np.maximum(shoulder - 0.010 - y, -below))
    _collar(patch, A, y, colour, light, 0.0)


def _suit(patch: Patch, x: Array, A: Array, y: Array, shoulder: Array, colour: Array, light: Array) -> None:
    p = patch.p
    shirt = p.one_of(SUIT, 8)
    opening = np.where(p.flag("necktie") > 0, np.float32(0.79), np.float32(0.88)) - 0.80 * A
    below = (y - opening) * np.float32(0.69)
    _shade_edge(patch, below, shoulder - y)
    _lay(patch, shirt, light * 0.95, np.maximum(shoulder - y, -below))
    _collar(patch, A, y, shirt, light, -0.03)
    edge = (A - (0.275 - (y - 0.62) * 0.46)) * np.float32(0.9)
    patch.tint((0.4, 0.4, 0.45), np.exp(-np.abs(edge) / np.float32(0.025)) * 0.55 * patch.cover(shoulder - y))
    jacket = np.maximum(-edge, shoulder - 0.022 - y)
    lapel = (A - (0.275 - (y - 0.62) * 0.46) - 0.115) * np.float32(0.9)
    notch = (
        ridge(y - 0.80 - 0.5 * (A - 0.30), 0.008, patch.px)
        * smoothstep(A, 0.24, 0.27)
        * (1 - smoothstep(A, 0.33, 0.36))
    )
    rim = (
        1
        - 0.45 * ridge(lapel, 0.010, patch.px)
        + 0.22 * ridge(lapel + 0.018, 0.012, patch.px)
        - 0.4 * notch
        + 0.2 * ridge(edge - 0.010, 0.008, patch.px)
    )
    _lay(patch, colour * np.float32(0.92), np.asarray(light * rim, np.float32), jacket)


def _necktie(patch: Patch, x: Array, y: Array) -> None:
    p = patch.p
    A = np.abs(x)
    knot = np.maximum(np.maximum(0.745 - y, y - 0.835), A - (0.066 - (y - 0.745) * 0.26))
    blade = np.maximum(0.82 - y, A - (0.042 + (y - 0.82) * 0.25))
    colour = p.one_of(TIES, 9)
    stripes = p.chance(10)
    stripe = (0.25 + band(22.0, patch.px) * (smoothstep(np.sin((x + y) * 95), -0.2, 0.4) * 0.5 - 0.25)) * stripes
    light = (0.85 + 0.4 * p.light(0) * x / 0.06 - 0.6 * (A / 0.09) ** 2) * p.nuisance("key")
    patch.tint((0.5, 0.5, 0.52), np.exp(-np.clip(np.minimum(knot, blade), 0, None) / np.float32(0.02)) * 0.5)
    cloth = colour * (1 + stripe[:, None]) + (stripe * 0.12)[:, None]
    patch.paint(cloth * (light * 0.92)[:, None], patch.cover(blade))
    patch.paint(cloth * (light * 1.15)[:, None], patch.cover(knot))
    patch.tint((0.4, 0.4, 0.4), ridge(y - 0.835, 0.009, patch.px) * patch.cover(A - 0.045) * 0.7)


def _necklace(patch: Patch, x: Array, y: Array) -> None:
    p = patch.p
    pearls = p.chance(11) * p.choice("gender", {"woman": 1.0})
    A = np.abs(x)
    hang = 0.752 + 0.006 * p.jitter(12)
    chain = hang + 0.030 * (1 - pearls) - 2.0 * x * x
    ends = 1 - smoothstep(A, 0.215, 0.235)
    patch.tint((0.55, 0.48, 0.45), ridge(y - chain - 0.014, 0.013, patch.px) * ends * 0.5)
    step = np.float32(0.044)
    k = np.round(x / step) * step
    kc = hang - 2.0 * k * k
    distance = np.sqrt((x - k) ** 2 + (y - kc) ** 2)
    clear = band(46.0, patch.px)  # beads too small for the pixels run together
    bead = clear * patch.cover(distance - 0.0215) * (np.abs(k) < 0.215)
    bead = (bead + (1 - clear) * 0.88 * patch.strip(y - hang + 2.0 * x * x, 0.0190) * ends) * pearls
    glow = 0.66 + clear * (
        0.06 + 0.45 * bump(x, y, k - 0.006, kc - 0.007, 0.012, 0.012) - 0.25 * np.minimum(distance / 0.0215, 1) ** 2
    )
    patch.paint(_PEARL[None, :, None, None] * glow[:, None], bead)
    links = 0.9 + 0.35 * np.sin(x * 120) * band(26.0, patch.px)
    gold = patch.strip(y - chain, 0.0125) * ends * (1 - pearls)
    patch.paint(_GOLD[None, :, None, None] * links[:, None], gold)
    drop = np.sqrt(x * x + (y - hang - 0.062) ** 2)
    pendant = patch.cover(drop - 0.032) * (1 - pearls)
    patch.paint(_GOLD[None, :, None, None] * (1.25 - 0.6 * drop / 0.032)[:, None], pendant)
