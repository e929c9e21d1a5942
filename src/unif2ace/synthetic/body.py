"""Neck, ears, shoulders and clothes."""

from __future__ import annotations

import numpy as np

from unif2ace.synthetic.canvas import Canvas, Patch
from unif2ace.synthetic.clothes import paint_clothes
from unif2ace.synthetic.head import Head
from unif2ace.synthetic.noise import Array, ridge, smoothstep
from unif2ace.synthetic.skin import lit_skin
from unif2ace.synthetic.visibility import ears_visible


def paint_body(canvas: Canvas, head: Head) -> None:
    """Paints neck and shoulders, then the clothes over them."""
    rows = canvas.rows(0.36)
    patch = canvas.patch(rows)
    p = patch.p
    y = canvas.y[:, rows]
    # The neck leans with a tilted head and stands straight on the shoulders.
    lean = -p.nuisance("roll") * (0.35 - 0.30 * smoothstep(y, 0.5, 0.95)) + p.nuisance("yaw") * 0.03
    x = canvas.x - lean
    A = np.abs(x)
    neck = 0.195 + 0.048 * head.man + 0.010 * p.body(17) + 0.012 * p.flag("double_chin")
    shoulder = shoulder_line(A, neck, head.man, p.body(18))
    width = neck + 0.10 * smoothstep(y, 0.60, 0.78) ** 2 - 0.014 * smoothstep(y, 0.3, 0.6)
    skin = patch.cover(np.minimum(A - width, shoulder - y), 0.004) * (y > 0.3)
    light = p.light(0)
    shade = np.clip(0.86 - 0.42 * (x / 0.30) ** 2 + 0.40 * light * x / 0.26, 0.18, 1.05)
    shadow = np.clip(patch.crop(head.edge) + 0.06 * light * x, 0, None)
    shade *= 1 - 0.62 * np.exp(-shadow / np.float32(0.085)) * (1 - smoothstep(y, 0.78, 0.95))
    under = patch.crop(head.edge) - 0.045
    shade *= 1 + p.flag("double_chin") * (1 - smoothstep(A, 0.14, 0.24)) * (
        0.95 * ridge(under + 0.012, 0.030) - 0.40 * ridge(under - 0.030, 0.016)
    )
    tendon = ridge(A - 0.055 - 0.16 * (0.86 - y), 0.016, patch.px) * smoothstep(y, 0.68, 0.80)
    shade *= 1 - 0.16 * tendon * (0.4 + 0.6 * head.man)
    collarbone = ridge(y - 0.845 - 0.05 * A, 0.018, patch.px) * smoothstep(A, 0.04, 0.10)
    shade *= 1 + 0.10 * collarbone
    patch.paint(lit_skin(p, shade), skin)
    paint_clothes(patch, x, y, shoulder)
    canvas.put(patch)


def shoulder_line(A: Array, neck: Array, man: Array, build: Array) -> Array:
    """Height of the shoulder line at each distance from the middle of the neck.

    Args:
        A: Distance from the middle of the neck, (B, h, w).
        neck: Half width of the neck, (B, 1, 1).
        man: 1 for a man, 0 for a woman, (B, 1, 1).
        build: Standard normal value of the person's build, (B, 1, 1); larger values give broader shoulders.

    Returns:
        (B, h, w).
    """
    out = np.clip(A - neck * 0.8, 0, None)
    fall = (0.46 - 0.08 * man - 0.02 * build) * (0.75 + 0.45 * out)
    height: Array = 0.665 - 0.015 * man + fall * out + 0.06 * smoothstep(out, 0.0, 0.1)
    return height


def paint_ears(canvas: Canvas, head: Head) -> None:
    """Paints the ears that no hair covers. A turned head hides its far ear."""
    shown = np.flatnonzero([ears_visible(f.drawn, f.nuisance) for f in canvas.p.faces])
    if not len(shown):
        return
    for side in (-1, 1):
        patch = canvas.window((side * 0.46, 0.02, 0.11, 0.16), shown)
        _paint_ear(patch, head.a[shown], side)
        canvas.put(patch)


def ear_place(yaw: Array, a: Array, side: int) -> tuple[Array, Array]:
    """U coordinate of the centre of an ear, and the visible share of its width in [0, 1.25]; (B, 1, 1) each.

    Args:
        yaw: Turn of the head, see `Nuisance`, (B, 1, 1).
        a: Half width of the face, (B, 1, 1).
        side: -1 for the left ear, 1 for the right one.
    """
    left = np.clip(1 - 0.75 * side * yaw, 0, 1.25)
    return side * (a + 0.014 - 0.05 * np.clip(1 - left, 0, 1)) + yaw * 0.004, left


def _paint_ear(patch: Patch, a: Array, side: int) -> None:
    p = patch.p
    middle, left = ear_place(p.nuisance("yaw"), a, side)
    width = (0.050 + 0.006 * p.body(19)) * np.maximum(left, 0.3)
    height = 0.112 + 0.010 * p.body(20)
    v = (patch.V - 0.012 - p.nuisance("pitch") * np.float32(0.03)) / height
    u = (patch.U - middle) / width * side
    # Wider at the top, narrowing to the lobe, and leaning outwards.
    u = (u - 0.10 + 0.30 * v) / (1.06 - 0.26 * v)
    r = np.sqrt(u * u + v * v)
    alpha = patch.cover((r - 1) * width * 1.25) * np.clip(left * 5 - 2.0, 0, 1)
    inner = np.sqrt((u * 1.25 + 0.12) ** 2 + (v * 1.1 + 0.10) ** 2)
    shade = (
        0.70 + 0.22 * p.light(0) * side + 0.24 * ridge(r - 0.86, 0.13) - 0.34 * ridge(inner - 0.42, 0.20) * (v < 0.55)
    )
    shade = shade - 0.22 * ridge(inner - 0.12, 0.25)
    colour = lit_skin(p, np.clip(shade, 0.1, 1.1))
    colour[:, 1] *= 0.92
    colour[:, 2] *= 0.90
    patch.paint(colour, alpha)
