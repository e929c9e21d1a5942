"""Beard, goatee, moustache, sideburns and stubble: the regions where hair grows, and the strands."""

from __future__ import annotations

import numpy as np

from unif2ace.synthetic.canvas import Canvas
from unif2ace.synthetic.head import Head
from unif2ace.synthetic.noise import Array, band, bump, line_noise, plane_noise, ridge, smoothstep, strands
from unif2ace.synthetic.palette import HAIR, SKIN
from unif2ace.synthetic.parameters import Parameters
from unif2ace.synthetic.skin import FACE

_KINDS = ("beard", "goatee", "moustache", "sideburns", "five_o_clock_shadow")
_OCTAVES = ((26.0, 0.45), (64.0, 0.5), (140.0, 0.5))


def paint_facial_hair(canvas: Canvas, head: Head) -> None:
    """Paints facial hair."""
    which = np.flatnonzero([any(f.drawn[k] for k in _KINDS) and not f.drawn["mask"] for f in canvas.p.faces])
    if not len(which):
        return
    patch = canvas.patch(canvas.rows(-0.32, FACE[1]), which)
    p, P, Q = patch.p, patch.P, patch.Q
    n = {name: getattr(head, name)[which] for name in ("a", "mouth", "mouth_width", "open", "chin")}
    edge = patch.crop(head.edge)
    inside = patch.cover(edge - 0.016 * p.flag("beard") - 0.030 * p.flag("goatee") + 0.006, 0.008)
    grown = _grown(p, n, np.abs(P), P, Q, np.abs(patch.U))
    across = np.where(n["mouth"] - 0.02 > Q, P + (Q - 0.2) * np.sign(P) * 0.8, P * (1 - 0.6 * (Q - 0.3)))
    across = across + 0.012 * line_noise(Q * 14, p.offset)
    tone = 0.5 + strands(across + 0.2 * Q, _OCTAVES, canvas.size, p.offset)
    # The strands feather the edge, so that no outline is visible.
    alpha = smoothstep(grown + (tone - 0.5) * 0.30, 0.20, 0.85) * inside
    light = np.clip(0.95 + 0.5 * p.light(0) * P / 0.4, 0.5, 1.4) * p.nuisance("key")
    hair = p.colour("hair_colour", HAIR) * np.float32(0.9)
    patch.paint(hair * ((0.50 + 0.70 * tone) * light)[:, None] + np.float32(0.004), alpha * 0.95)
    stubble = p.flag("five_o_clock_shadow")
    if stubble.any():
        grain = 0.62 + band(40.0, patch.px) * 0.7 * (plane_noise(P * 60, Q * 60, p.offset) - 0.5)
        skin = p.colour("skin_tone", SKIN)
        tone = (
            np.minimum(hair * np.float32(0.8), skin * np.float32(0.34))
            + skin * np.array([0.02, 0.03, 0.05], np.float32)[None, :, None, None]
        )
        patch.paint(tone, np.clip(_stubble(n, np.abs(P), P, Q) * grain, 0, 0.66) * stubble * inside)
    canvas.put(patch)


def _jaw(n: dict[str, Array], A: Array, Q: Array) -> Array:
    """Density of a full beard, (B, h, w), in [0, 1]."""
    lower = n["mouth"] + n["open"]
    cheeks = smoothstep(Q, 0.20, 0.40) * smoothstep(A + (Q - 0.2) * 0.9, 0.27, 0.42)
    chin = smoothstep(Q, lower + 0.045, lower + 0.105)
    corners = ridge(A - n["mouth_width"] - 0.050, 0.075) * smoothstep(Q, n["mouth"] - 0.09, n["mouth"])
    return np.asarray(np.maximum(np.maximum(cheeks, chin), corners), np.float32)


def _stubble(n: dict[str, Array], A: Array, P: Array, Q: Array) -> Array:
    lip = np.clip(1.3 * bump(P, Q, 0, n["mouth"] - 0.068, 0.12, 0.021), 0, 1)
    return np.asarray(np.maximum(_jaw(n, A, Q), lip))


def _grown(p: Parameters, n: dict[str, Array], A: Array, P: Array, Q: Array, across: Array) -> Array:
    opened, middle = n["open"], n["mouth"]
    side = smoothstep(across, n["a"] - 0.115, n["a"] - 0.040) * smoothstep(Q, -0.24, -0.10)
    lip = np.clip(1.5 * bump(P, Q, 0, middle - 0.068, 0.118, 0.023), 0, 1) * (1 - smoothstep(A, 0.19, 0.25))
    # A goatee is a tuft on the chin; with a moustache it forms a ring around the mouth.
    u, v = A / np.float32(0.130), (Q - middle - opened - 0.185) / np.float32(0.125)
    tuft = 1 - smoothstep(np.sqrt(u * u + v * v), 0.55, 1.15)
    u, v = A / (n["mouth_width"] + 0.030), (Q - middle - 0.5 * opened - 0.012) / (0.105 + 0.5 * opened)
    ring = ridge(np.sqrt(u * u + v * v) - 1, 0.17) * p.flag("moustache") * (middle - 0.07 < Q)
    narrow = 0.106 - 0.22 * np.clip(Q + 0.10, 0, None)
    strip = smoothstep(across, n["a"] - narrow - 0.020, n["a"] - narrow + 0.020)
    burns = strip * smoothstep(Q, -0.16, -0.05) * (1 - smoothstep(Q, 0.09, 0.25))
    whole = np.maximum(_jaw(n, A, Q), side * smoothstep(Q, 0.04, 0.16))
    grown = np.maximum(p.flag("beard") * whole, p.flag("goatee") * np.maximum(tuft, 0.9 * ring))
    grown = np.maximum(grown, p.flag("moustache") * lip)
    return np.asarray(np.maximum(grown, p.flag("sideburns") * burns), np.float32)
