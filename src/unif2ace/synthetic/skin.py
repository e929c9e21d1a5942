"""The skin of the face: a height field under one soft key light, with blush, freckles and gloss.

Diffuse light wraps around the surface further for red than for blue, as in real skin.
"""

from __future__ import annotations

import numpy as np

from unif2ace.synthetic.canvas import Canvas, Patch
from unif2ace.synthetic.creases import deepen, fold
from unif2ace.synthetic.head import Head
from unif2ace.synthetic.noise import Array, band, bump, cell_values, plane_noise, ridge, slopes, smoothstep
from unif2ace.synthetic.palette import SKIN
from unif2ace.synthetic.parameters import Parameters

FACE = (-0.72, 0.82)
"""Minimum and maximum of V that a tilted or turned face reaches."""
_WRAP = (0.44, 0.33, 0.27)
_AMBIENT = (1.0, 0.97, 0.95)


def lit_skin(p: Parameters, shade: Array) -> Array:
    """Colour of skin, (B, 3, h, w), under a key light of strength `shade` (B, h, w). Shadows are redder."""
    base = p.colour("skin_tone", SKIN) * (1 + np.float32(0.06) * p.body(9)[:, None])
    key, ambient = p.nuisance("key"), p.nuisance("ambient")
    out = np.empty((len(p.faces), 3, *shade.shape[1:]), np.float32)
    for c, (fall, soft) in enumerate(((1.0, 0.42), (0.94, 0.37), (0.90, 0.35))):
        out[:, c] = base[:, c] * (shade * (fall + (1 - fall) * shade) * key * np.float32(0.86) + soft * ambient)
    return out


def paint_skin(canvas: Canvas, head: Head) -> None:
    """Paints the skin of the face. Eyes, eyebrows and mouth are painted later."""
    patch = canvas.patch(canvas.rows(*FACE))
    A = np.abs(patch.P)
    height = _height(patch, head, A, np.sqrt(np.clip(patch.crop(head.depth), 0, None)))
    colour = _albedo(patch, head, A)
    _light(patch, head, A, height, colour)
    patch.paint(colour, patch.cover(patch.crop(head.edge)))
    canvas.put(patch)


def _height(patch: Patch, head: Head, A: Array, bulge: Array) -> Array:
    p, P, Q = patch.p, patch.P, patch.Q
    tip, my, mo, ns = head.tip, head.mouth, head.open, head.nose
    smile = p.flag("smile")
    H = np.float32(0.46) * bulge
    bridge = smoothstep(Q, -0.26, tip + 0.03) * (1 - smoothstep(Q, tip + 0.01, tip + 0.085))
    H += 0.096 * ns * bridge * ridge(P, (0.058 + 0.030 * smoothstep(Q, -0.12, tip)) * ns)
    H += 0.05 * ns * bump(P, Q, 0, tip, 0.038 * ns, 0.035)
    H += 0.045 * ns * bump(A, Q, 0.062 * ns, tip + 0.028, 0.026, 0.026)
    H -= 0.066 * bump(A, Q, 0.20, -0.085, 0.085, 0.05)
    H += 0.03 * bump(A, Q, 0.20, -0.06, 0.07, 0.035)
    H += (0.020 + 0.018 * head.man) * bump(A, Q, 0.17, -0.18 - head.brow * 0.5, 0.13, 0.035)
    bones = p.flag("high_cheekbones")
    H += (0.042 + 0.062 * bones + 0.03 * smile) * bump(A, Q, 0.26, 0.09 - 0.03 * smile, 0.095, 0.068)
    H -= 0.072 * bones * bump(A, Q, 0.29, 0.255, 0.07, 0.085)
    H += 0.05 * bump(P, Q, 0, my, 0.14, 0.09) + 0.06 * bump(P, Q, 0, my + 0.165 + mo * 0.8, 0.085, 0.055)
    H -= 0.035 * bump(P, Q, 0, my + 0.095 + mo, 0.08, 0.022) + 0.016 * bump(P, Q, 0, my - 0.075, 0.014, 0.035)
    fold(H, patch, head, A)
    return H


def _albedo(patch: Patch, head: Head, A: Array) -> Array:
    p, P, Q, px = patch.p, patch.P, patch.Q, patch.px
    base = p.colour("skin_tone", SKIN) * (1 + np.float32(0.06) * p.body(9)[:, None])
    dark = p.choice("skin_tone", {"dark": 1.0, "brown": 0.6})
    my = head.mouth
    blood = 0.5 * bump(A, Q, 0.26, 0.13, 0.12, 0.09) + 0.5 * bump(P, Q, 0, head.tip + 0.01, 0.06, 0.05)
    blood += 0.2 * bump(A, Q, 0.19, -0.05, 0.1, 0.06) + 0.2 * bump(P, Q, 0, my + 0.16, 0.09, 0.05)
    blood *= 0.8 - 0.35 * dark
    flush = p.flag("rosy_cheeks") * (1.75 + 0.5 * dark) + 0.30 * p.flag("heavy_makeup")
    blood += flush * bump(A, Q, 0.265, 0.125, 0.095, 0.065)
    mottle = plane_noise(P * 9 + 40, Q * 9, p.offset) * np.float32(0.6) - np.float32(0.3)
    fade = band(31.0, px)
    if fade.any():
        mottle += fade * (plane_noise(P * 31 + 4, Q * 31, p.offset) - np.float32(0.5)) * np.float32(0.5)
    colour = np.empty_like(patch.image)
    colour[:, 0] = base[:, 0] * (1 + 0.05 * mottle)
    colour[:, 1] = base[:, 1] * (1 - 0.22 * blood + 0.08 * mottle)
    colour[:, 2] = base[:, 2] * (1 - 0.26 * blood + 0.08 * mottle)
    speckled = p.where("freckles", True)
    if len(speckled):
        spots = _freckles(A[speckled], P[speckled], Q[speckled], p.take(speckled).offset)
        for c, strength in enumerate((0.42, 0.62, 0.72)):
            colour[speckled, c] *= 1 - spots * np.float32(strength)
    return colour


def _freckles(A: Array, P: Array, Q: Array, offset: np.ndarray[tuple[int, ...], np.dtype[np.int32]]) -> Array:
    x, y = P * 26, Q * 26
    i, j = np.floor(x), np.floor(y)
    cell = i.astype(np.int32) * 131 + j.astype(np.int32) * 57 + offset
    dx, dy = x - i - 0.18 - 0.64 * cell_values(cell), y - j - 0.18 - 0.64 * cell_values(cell + 311)
    spot = np.exp(-(dx * dx + dy * dy) / (0.012 + 0.045 * cell_values(cell + 77))) * (cell_values(cell + 500) > 0.45)
    where = bump(A, Q, 0.2, 0.09, 0.13, 0.09) + bump(P, Q, 0, 0.06, 0.08, 0.09)
    return np.asarray(spot * np.clip(where, 0, 1) * np.float32(0.95), np.float32)


def _light(patch: Patch, head: Head, A: Array, height: Array, colour: Array) -> None:
    p, P, Q = patch.p, patch.P, patch.Q
    gx, gy = slopes(height, patch.px)
    inverse = 1 / np.sqrt(gx * gx + gy * gy + 1)
    lx, ly, lz = _direction(p, 0.0)
    facing = (lz - gx * lx - gy * ly) * inverse
    hx, hy, hz = _direction(p, 1.0)
    shine = np.clip((hz - gx * hx - gy * hy) * inverse, 0, 1)
    tip, ns, light = head.tip, head.nose, p.light(0)
    hollow = 1 - 0.36 * bump(A, Q, 0.185, -0.095, 0.085, 0.035)
    hollow -= 0.34 * bump(P, Q, -0.02 * light, tip + 0.075, 0.055 * ns, 0.018)
    hollow -= 0.18 * bump(A, Q, 0.072 * ns, tip + 0.02, 0.02, 0.03)
    hollow -= 0.2 * bump(P, Q, 0, head.mouth + 0.085 + head.open, 0.07, 0.018)
    deepen(hollow, patch, head, A)
    key, ambient = p.nuisance("key"), p.nuisance("ambient")
    soft = ambient * (0.62 + 0.38 * inverse) * np.float32(0.74)
    dark = p.choice("skin_tone", {"dark": 1.0, "brown": 0.5})
    squared = shine * shine
    squared *= squared
    squared *= squared  # 8th power
    fourth = squared * squared
    fourth *= fourth  # 32nd power
    gloss = (0.085 * fourth * (1 - 0.4 * p.flag("heavy_makeup")) + (0.045 + 0.03 * dark) * squared) * key
    rim = (1 - inverse) * np.float32(0.05)
    base = p.colour("skin_tone", SKIN)
    for c in range(3):
        wrap = np.float32(_WRAP[c])
        diffuse = np.clip((facing + wrap) / (1 + wrap), 0, 1)
        colour[:, c] *= hollow * (key * (1 + 0.10 * dark) * diffuse + soft * np.float32(_AMBIENT[c]))
        colour[:, c] += gloss * np.float32((1, 0.97, 0.94)[c]) + rim * base[:, c]


def _direction(p: Parameters, halfway: float) -> tuple[Array, Array, Array]:
    """Unit vector (x, y, z) to the light (`halfway` 0), or halfway between light and viewer (1); (B, 1, 1) each."""
    x, y = p.light(0), p.light(1)
    z = np.full_like(x, 0.8)
    length = np.sqrt(x * x + y * y + z * z)
    x, y, z = x / length, y / length, z / length + np.float32(halfway)
    length = np.sqrt(x * x + y * y + z * z)
    return x / length, y / length, z / length
