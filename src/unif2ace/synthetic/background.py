"""The background: a plain wall, a gradient, a studio backdrop, or blurred trees and sky."""

from __future__ import annotations

import numpy as np

from unif2ace.synthetic.canvas import Canvas
from unif2ace.synthetic.noise import smoothstep
from unif2ace.synthetic.palette import BACKDROPS, linear

_SKY, _TREES, _GROUND = linear("a8c7dd"), linear("567d48"), linear("36532f")
_DOTS = np.stack([linear(c) for c in ("e8e9b0", "9cc27a", "dfeffa", "4b7040")])
_NUM_DOTS = 14


def paint_background(canvas: Canvas) -> None:
    """Fills all images with their backgrounds."""
    p, X, Y = canvas.p, canvas.X, canvas.Y
    first = p.one_of(BACKDROPS, 2)
    second = p.one_of(BACKDROPS, 3)
    plain, studio, gradient = (p.choice("background", {name: 1.0}) for name in ("plain", "studio", "gradient"))
    tilt = p.jitter(5) * np.float32(0.35)
    ramp = smoothstep(Y + tilt * X, -1.1, 1.1)
    glow = smoothstep(np.sqrt(X * X + (Y + np.float32(0.15)) ** 2), 0.25, 1.45)
    for c in range(3):
        base, other = first[:, c], second[:, c]
        flat = base * (1 - np.float32(0.10) * glow)
        spot = base * (np.float32(0.44) - np.float32(0.38) * glow)
        blend = base + ramp * (other * np.float32(0.75) - base)
        canvas.image[:, c] = plain * flat + studio * spot + gradient * blend
    outdoors = p.where("background", "outdoors")
    if len(outdoors):
        canvas.image[outdoors] = np.stack([_outdoors(canvas, int(i)) for i in outdoors])


def _outdoors(canvas: Canvas, number: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    draw = np.random.default_rng([3, canvas.p.faces[number].nuisance.seed])
    Y, X = canvas.Y[0], canvas.X[0]
    horizon = draw.uniform(-0.35, 0.15)
    near, far = smoothstep(Y, horizon - 0.4, horizon + 0.4), smoothstep(Y, horizon + 0.2, 1.1)
    hue = np.float32(draw.uniform(0.8, 1.2))
    out = np.empty((3, canvas.size, canvas.size), np.float32)
    for c in range(3):
        trees = _TREES[c] * (hue if c == 0 else 1)
        out[c] = (_SKY[c] * (1 - near) + trees * near) * (1 - far) + _GROUND[c] * far
    size = canvas.size
    for _ in range(_NUM_DOTS):
        cx, cy, r = draw.uniform(-1, 1), draw.uniform(-1, 0.6), draw.uniform(0.07, 0.2)
        dot, strength = _DOTS[draw.integers(len(_DOTS))], np.float32(draw.uniform(0.12, 0.4))
        rows = slice(max(0, int((cy - r * 1.3 + 1) * size / 2)), max(0, int((cy + r * 1.3 + 1) * size / 2) + 1))
        cols = slice(max(0, int((cx - r * 1.3 + 1) * size / 2)), max(0, int((cx + r * 1.3 + 1) * size / 2) + 1))
        distance = np.sqrt((X[:, cols] - cx) ** 2 + (Y[rows] - cy) ** 2) / np.float32(r)
        alpha = (1 - smoothstep(distance.astype(np.float32), 0.72, 1.22)) * strength
        for c in range(3):
            out[c, rows, cols] += alpha * (dot[c] - out[c, rows, cols])
    return out
