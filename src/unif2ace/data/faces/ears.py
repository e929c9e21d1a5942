"""Ears, and the earrings that hang from them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unif2ace.data.faces.canvas import Canvas
from unif2ace.data.faces.head import Head
from unif2ace.data.faces.noise import Array, bump, ridge
from unif2ace.data.faces.palette import SKIN, WHITE, linear
from unif2ace.data.faces.visibility import ears_visible

_GOLD, _SILVER = linear("e2b548"), linear("e6edf4")
_LOBE = 0.118


def _bare(canvas: Canvas) -> NDArray[np.intp]:
    return np.flatnonzero([ears_visible(f.drawn, f.nuisance) for f in canvas.p.faces])


def paint_ears(canvas: Canvas, head: Head) -> None:
    """Paints the ears that can be seen; the far one narrows as the head turns."""
    which = _bare(canvas)
    if not len(which):
        return
    for side in (-1, 1):
        at = canvas.window(side * 0.46, 0.02, 0.16, 0.20)
        patch = canvas.patch(at, which)
        p, a = patch.p, head.a[which]
        near = 1 - 0.9 * side * p.nuisance("yaw")
        shown = np.clip((near - 0.25) * 6, 0, 1)
        narrow = np.minimum(near, 1)
        cx = side * (a + 0.014 - 0.035 * (1 - narrow)) + p.nuisance("yaw") * 0.014
        u, v = (patch.U - cx) / (0.057 * np.clip(near, 0.3, 1.12)), patch.V / (0.118 + 0.008 * p.body(19))
        distance = np.sqrt((u + 0.25 * side * v) ** 2 + v * v) - 1
        inner = np.sqrt((u * 1.3) ** 2 + (v * 1.2 + 0.1) ** 2)
        shade = 0.68 + 0.2 * p.light(0) * side + 0.28 * ridge(distance + 0.15, 0.12) - 0.28 * ridge(inner - 0.5, 0.2)
        base, key = p.colour("skin_tone", SKIN), p.nuisance("key")
        tone = np.stack([base[:, c] * shade * key * np.float32((1.06, 0.86, 0.82)[c]) for c in range(3)], 1)
        patch.paint(tone, patch.cover(distance * 0.055) * shown)
        canvas.put(patch, at, which)


def paint_earrings(canvas: Canvas, head: Head) -> None:
    """Paints studs and hoops on the ears that can be seen."""
    worn = np.flatnonzero([bool(f.drawn["earrings"]) for f in canvas.p.faces])
    which = np.intersect1d(_bare(canvas), worn)
    if not len(which):
        return
    for side in (-1, 1):
        at = canvas.window(side * 0.47, 0.19, 0.13, 0.16)
        patch = canvas.patch(at, which)
        p = patch.p
        shown: Array = np.clip((1 - 0.9 * side * p.nuisance("yaw") - 0.45) * 8, 0, 1)
        u, v = patch.U - side * (head.a[which] + 0.024), patch.V - np.float32(_LOBE)
        hoops = p.choice("earring_kind", {"hoops": 1.0})
        gem = np.sqrt(u * u + v * v) - np.float32(0.031)
        patch.paint(_SILVER, patch.cover(gem) * shown * (1 - hoops))
        patch.paint(WHITE, bump(u, v, -0.008, -0.009, 0.010, 0.010) * shown * (1 - hoops))
        round_ = np.sqrt((u / np.float32(0.82)) ** 2 + (v - np.float32(0.080)) ** 2)
        shine = 0.75 + 0.5 * ridge(v - 0.04, 0.025)
        ring = patch.cover(np.abs(round_ - np.float32(0.078)) - np.float32(0.0135))
        patch.paint(np.stack([c * shine for c in _GOLD], 1), ring * shown * hoops)
        canvas.put(patch, at, which)
