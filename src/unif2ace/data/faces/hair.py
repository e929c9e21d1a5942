"""Hair: the part behind the head, the part around the face, and the strands of both."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unif2ace.data.faces.canvas import FULL, Canvas, Patch
from unif2ace.data.faces.head import Head
from unif2ace.data.faces.noise import Array, band, line_noise, plane_noise, ridge, smoothstep
from unif2ace.data.faces.palette import HAIR
from unif2ace.data.faces.visibility import ears_visible

_VOLUME = {"short": 0.062, "medium": 0.075, "long": 0.078}


@dataclass
class Hair:
    """What both parts of the hair share; arrays of the faces that have hair.

    Attributes:
        which: Their places in the batch.
        patch: The whole picture of them.
        tone: Lightness of the strands, about 0 to 1, (B, S, S).
        width: Half width of the hair at the temples, (B, 1, 1).
        distance: Signed distance to its outline, (B, S, S).
        long: 1 for hair below the ears.
        tucked: 1 for long hair behind the ears.
    """

    which: NDArray[np.intp]
    patch: Patch
    tone: Array
    width: Array
    distance: Array
    long: Array
    tucked: Array


def make_hair(canvas: Canvas, head: Head) -> Hair | None:
    """Outline and strands of everybody's hair; None if all are bald."""
    which = canvas.p.where("bald", False)
    if not len(which):
        return None
    patch = canvas.patch(FULL, which)
    p, U, V = patch.p, patch.U, patch.V
    long = p.choice("hair_length", {"medium": 1.0, "long": 1.0})
    curly, wavy = p.choice("hair_texture", {"curly": 1.0}), p.choice("hair_texture", {"wavy": 1.0})
    tone = _strands(patch, long, curly, wavy)
    volume = p.choice("hair_length", _VOLUME, 0.06) + 0.050 * curly + 0.012 * wavy + 0.008 * p.jitter(18)
    volume = np.where(p.flag("hat") > 0, np.minimum(volume, 0.03), volume)
    width = head.a[which] + volume * 0.95
    top = 0.64 + volume
    rough = (tone - 0.5) * (0.022 + 0.034 * curly)
    cap = ((np.abs(U) / width) ** 2 + (np.abs(V + 0.08) / (top - 0.08)) ** 2 - 1) * np.float32(0.25)
    short = np.maximum(cap, V - 0.06)
    end = p.choice("hair_length", {"medium": 0.60, "long": 1.40}, 0.6) + 0.04 * p.jitter(19)
    medium = p.choice("hair_length", {"medium": 1.0})
    flare = 0.14 - 0.05 * medium + 0.09 * curly
    side = width + 0.02 + flare * smoothstep(V, -0.1, end) - 0.11 * medium * smoothstep(V, end - 0.22, end)
    side = side + wavy * 0.018 * np.sin(V * 17 + p.jitter(20) * 2)
    fall = np.maximum(np.abs(U) - side, V - end + 0.10 * tone)
    distance = np.where(long > 0, np.where(V < -0.08, cap, fall), short) - rough
    tucked = p.numbers([1.0 if ears_visible(f.drawn, f.nuisance) else 0.0 for f in p.faces]) * long
    return Hair(which, patch, tone, width, np.asarray(distance, np.float32), long, tucked)


def _strands(patch: Patch, long: Array, curly: Array, wavy: Array) -> Array:
    p, U, V, px = patch.p, patch.U, patch.V, patch.px
    part = p.numbers([0.17 * np.sign(f.nuisance.jitter[17]) if abs(f.nuisance.jitter[17]) > 0.6 else 0.0 for f in p.faces])
    part = part + p.nuisance("yaw") * 0.12
    up = np.minimum(V + 0.12, 0)
    swept = p.numbers([1.0 if f.nuisance.jitter[21] > 0.5 else 0.0 for f in p.faces]) * (1 - long)
    across = np.sqrt(((U - part) / 0.55) ** 2 + (up / 0.62) ** 2) * 1.1 * np.sign(U - part) + 0.35 * (U > part)
    along = np.where(V < -0.12, np.arctan2(np.abs(U - part), -up) * 0.55, 0.98 + V)
    back = np.arctan2(U, 0.35 - V) * 1.35
    s = across * (1 - swept) + back * swept
    t = along * (1 - swept) + np.sqrt(U * U + (V - 0.35) ** 2) * swept
    s = s + wavy * 0.034 * np.sin(t * 15 + line_noise(s * 5, p.offset) * 6)
    coarse = line_noise(s * 22 + t * 0.7, p.offset) - 0.5
    tone = 0.5 + 0.62 * coarse
    for frequency, share, speed, start in ((64.0, 0.42, 1.5, 100), (150.0, 0.3, 2.0, 300)):
        fade = band(frequency * 0.5, px)
        if fade.any():
            tone = tone + fade * share * (line_noise(s * frequency + t * speed + start, p.offset) - 0.5)
    which = np.flatnonzero(curly.ravel())
    if len(which):
        tone[which] = _curls(U[which], V[which], tone[which], px[which], p.take(which).offset)
    return np.asarray(tone, np.float32)


def _curls(U: Array, V: Array, tone: Array, px: Array, offset: NDArray[np.int32]) -> Array:
    q = plane_noise(U * 9 + 3, V * 9, offset)
    fine = plane_noise(U * 21 + q * 4, V * 21 - q * 4, offset)
    ring = 0.5 + 0.5 * np.sin(q * 22 + fine * 6)
    clump = plane_noise(U * 14 + 9, V * 14 + q * 2, offset)
    fade = band(16.0, px)
    return np.asarray(0.22 + 0.12 * tone + 0.20 * ring + 0.40 * clump + 0.24 * fade * (fine - 0.5), np.float32)


def paint_back_hair(canvas: Canvas, head: Head, hair: Hair | None) -> None:
    """Paints what falls behind the neck."""
    if hair is None or not hair.long.any():
        return
    alpha = hair.patch.cover(hair.distance, 2) * hair.long
    _paint(hair, alpha, np.float32(0.46))
    canvas.put(hair.patch, FULL, hair.which)


def paint_front_hair(canvas: Canvas, head: Head, hair: Hair | None) -> None:
    """Paints the hair around the face, and the shadow that it casts on it."""
    if hair is None:
        return
    hair.patch.image = canvas.patch(FULL, hair.which).image
    patch, p = hair.patch, hair.patch.p
    U, V, A, Q, tone, long = patch.U, patch.V, np.abs(patch.P), patch.Q, hair.tone, hair.long
    a = head.a[hair.which]
    bangs = p.flag("bangs")
    jag = (tone - 0.5) * (0.045 + 0.04 * bangs)
    line = _hairline(p.flag("receding_hairline"), bangs, A, patch.P, a, hair, p.jitter(21), p.jitter(17))
    above = line + jag - Q
    behind = a * (0.92 + 0.10 * hair.tucked) + 0.05 * smoothstep(V, 0, 0.5) + 0.03 * (V > 0.45) + 0.05 * hair.tucked
    side_long = A - behind
    side_short = np.minimum(np.abs(U) - a + 0.055 - 0.05 * smoothstep(V, -0.3, 0), 0.045 - V)
    inside = np.maximum(above, np.where(long > 0, side_long, side_short) + jag * 0.55)
    edge = head.edge[hair.which]
    inside = np.maximum(inside, np.minimum(edge + 0.012, 0.04 - V))  # no gap between the face's outline and the hair
    inside = np.where((hair.tucked > 0) & (V > -0.14) & (V < 0.22), np.minimum(inside, edge - 0.075), inside)
    alpha = patch.cover(np.maximum(hair.distance, -inside), 2.0)
    face = patch.cover(edge)
    shadow = np.exp(-np.clip(-inside, 0, 1) / np.float32(0.035)) * face * (1 - alpha) * 0.55 * (hair.distance < 0.02)
    patch.tint((0.54, 0.44, 0.42), shadow)
    _paint(hair, alpha, np.float32(1))
    canvas.put(patch, FULL, hair.which)


def _hairline(receding: Array, bangs: Array, A: Array, P: Array, a: Array, hair: Hair, level: Array, part: Array) -> Array:
    """Q of the hairline."""
    half = a * (0.985 - 0.05 * hair.long)
    height = -0.43 - 0.085 * receding - 0.012 * level
    arc = np.clip(1 - (A / half) ** 2 * np.sqrt(A / half), 0, 1) ** np.float32(0.435)
    line = -0.10 - (-0.10 - height) * arc
    temples = -0.11 * ridge(A - 0.22, 0.10) + 0.03 * ridge(P, 0.08)
    line = line + receding * temples
    aside = np.where(np.abs(part) > 0.6, np.sign(part), 0.0).astype(np.float32)
    parted = 0.07 * smoothstep(-P * aside, -0.17, 0.25) * (1 - smoothstep(A, 0.25, half)) * np.abs(aside)
    line = line + parted * (1 - receding)
    fringe = -0.215 + 0.16 * A * A + 0.05 * P * np.sign(part)
    return np.asarray(line * (1 - bangs) + fringe * bangs, np.float32)


def _paint(hair: Hair, alpha: Array, shade: np.float32) -> None:
    """Lights the strands: a cylinder's falloff, the key light's side, a soft band around the crown."""
    patch, p, U, V, tone = hair.patch, hair.patch.p, hair.patch.U, hair.patch.V, hair.tone
    light, key = p.light(0), p.nuisance("key")
    round_ = np.clip(1.05 - 0.70 * (U / (hair.width + 0.16)) ** 2 + 0.40 * light * U / hair.width, 0.18, 1.4)
    crown = 1 - 0.32 * smoothstep(V, 0.1, 0.9) * hair.long
    r = np.sqrt((U * 0.9) ** 2 + (V + 0.05) ** 2)
    shine = ridge(r - 0.52 - 0.05 * (tone - 0.5), 0.06) * smoothstep(-V, 0.05, 0.35)
    shine = shine + 0.45 * ridge(np.abs(V - 0.28 - 0.1 * U * light), 0.14) * hair.long
    shine = shine * np.clip(0.75 + 0.7 * light * U / hair.width, 0.1, 1.5)
    rim = np.clip(1 + hair.distance / np.float32(0.05), 0, 1) * 0.30
    lum = (0.46 + 0.92 * tone) * round_ * crown * key * shade * (1 - rim)
    curly = p.choice("hair_texture", {"curly": 1.0})
    high = shine * tone * tone * (0.9 - 0.45 * curly) * shade * 1.2
    base = p.colour("hair_colour", HAIR) * (1 + np.float32(0.10) * p.body(20)[:, None])
    gleam = np.float32(0.075) * (0.4 + np.sqrt(base.max(axis=1, keepdims=True)))
    tints = np.array([1, 0.95, 0.9], np.float32)[None, :, None, None]
    colour = base * lum[:, None] + (base * np.float32(0.9) + gleam * tints) * high[:, None]
    patch.paint(colour, alpha)


