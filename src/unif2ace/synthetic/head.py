"""Shape and expression of each head, and the signed distance to the outline of each face."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from unif2ace.synthetic.anatomy import SHAPES, chin_height, mouth_opening
from unif2ace.synthetic.canvas import Canvas, Index, Patch
from unif2ace.synthetic.noise import Array, slopes, smoothstep
from unif2ace.synthetic.parameters import Parameters


@dataclass(frozen=True)
class Head:
    """Measures of the heads that several layers use, (B, 1, 1) unless stated. Lengths are in face coordinates.

    Attributes:
        a: Half width of the face.
        chin: V coordinate of the chin.
        open: Height of the mouth opening.
        mouth: Q coordinate of the mouth.
        mouth_width: Half width of the mouth.
        lift: Height of the mouth corners above their neutral position.
        nose: Size of the nose; about 1.
        tip: Q coordinate of the tip of the nose.
        brow: Height of the eyebrows above their neutral position.
        inner: Height of the inner ends of the eyebrows above their neutral position.
        eye: Opening of the eyes; 1 is neutral.
        lower_lid: How far the lower lids are raised: 0 is neutral.
        man: 1 for a man, 0 for a woman.
        edge: Signed distance to the outline of the face, (B, S, S).
        depth: Depth inside the outline, (B, S, S): 0 at the edge, 1 in the middle, negative outside.
    """

    a: Array
    chin: Array
    open: Array
    mouth: Array
    mouth_width: Array
    lift: Array
    nose: Array
    tip: Array
    brow: Array
    inner: Array
    eye: Array
    lower_lid: Array
    man: Array
    edge: Array
    depth: Array

    def take(self, patch: Patch, which: Index) -> Head:
        """The measures of the faces `which` (R,), with `edge` and `depth` cropped to the patch."""
        numbers = {f.name: getattr(self, f.name)[which] for f in fields(self) if f.name not in ("edge", "depth")}
        return Head(**numbers, edge=patch.crop(self.edge), depth=patch.crop(self.depth))


def make_head(canvas: Canvas) -> Head:
    """Computes the shape and expression of the faces on a canvas."""
    p = canvas.p
    man = p.choice("gender", {"man": 1.0})
    opening = p.numbers([mouth_opening(f.drawn) for f in p.faces])
    chin = p.numbers([chin_height(f.drawn, f.nuisance) for f in p.faces])
    a, lower, sides = (p.choice("face_shape", {k: v[n] for k, v in SHAPES.items()}) for n in (0, 2, 3))
    a = a + 0.009 * p.body(0) - 0.010 + 0.014 * man + 0.014 * p.flag("double_chin")
    lower = lower * (1 + 0.10 * man) - 0.06 + 0.07 * p.body(2)
    sides = sides + 0.04 * p.body(3)
    edge, depth = _outline(canvas, a, chin, lower, sides)
    smile, laugh, frown, grimace, glare = (p.flag(n) for n in ("smile", "laugh", "frown", "make_a_face", "glare"))
    e = {name: _expression(p, name) for name in ("lift", "width", "brow", "inner", "eye", "lid")}
    quiet = 1 - smile * (1 - laugh) - laugh
    unless_sad = p.choice("emotion", {"sadness": 0.0}, 1.0)
    return Head(
        a=a,
        chin=chin,
        open=opening,
        mouth=0.348 + 0.010 * p.body(5),
        mouth_width=(e["width"] * quiet + 0.170 * smile * (1 - laugh) + 0.186 * laugh) * (1 + 0.05 * p.body(4)),
        lift=e["lift"] * quiet + 0.052 * smile * (1 - laugh) + 0.060 * laugh - 0.036 * frown * quiet,
        nose=(1 + 0.48 * p.flag("big_nose") + 0.06 * p.body(6)) * (0.88 + 0.12 * man),
        tip=0.150 + 0.014 * p.body(7) + 0.018 * p.flag("big_nose"),
        brow=np.maximum(e["brow"] - 0.024 * frown - 0.030 * glare - 0.016 * grimace, -0.040),
        inner=np.maximum(e["inner"] - 0.042 * frown * unless_sad - 0.022 * glare - 0.02 * grimace, -0.066),
        eye=e["eye"] * (1 + 0.10 * glare) * (1 - 0.35 * laugh) * (1 - 0.4 * grimace),
        lower_lid=np.maximum(
            np.maximum(e["lid"], 0.35 * glare), np.maximum(0.35 * smile, np.maximum(0.55 * laugh, 0.6 * grimace))
        ),
        man=man,
        edge=edge,
        depth=depth,
    )


_EXPRESSIONS: dict[str, dict[str, float]] = {
    "neutral": {},
    "happiness": {"brow": 0.008, "eye": 0.92, "lid": 0.2},
    "sadness": {"lift": -0.056, "width": 0.126, "inner": 0.078, "brow": 0.006, "eye": 0.84},
    "surprise": {"width": 0.094, "brow": 0.062, "eye": 1.42},
    "anger": {"lift": -0.026, "width": 0.134, "inner": -0.040, "brow": -0.018, "eye": 1.0, "lid": 0.1},
    "fear": {"lift": -0.022, "width": 0.158, "inner": 0.046, "brow": 0.040, "eye": 1.34},
}
_REST = {"lift": 0.002, "width": 0.136, "brow": 0.0, "inner": 0.0, "eye": 1.0, "lid": 0.0}


def _expression(p: Parameters, name: str) -> Array:
    return p.choice("emotion", {e: values.get(name, _REST[name]) for e, values in _EXPRESSIONS.items()}, _REST[name])


def _outline(canvas: Canvas, a: Array, chin: Array, lower: Array, sides: Array) -> tuple[Array, Array]:
    middle = np.float32(-0.08)
    V = canvas.V
    across = np.abs(canvas.U - canvas.p.nuisance("yaw") * np.float32(0.07) * smoothstep(V, -0.2, 0.5)) / a
    across = np.sqrt(across * across + np.float32(0.004))  # rounded in the middle: no crease down a pointed chin
    below = middle < V
    along = np.where(below, (V - middle) / (chin - middle), (middle - V) / np.float32(0.56))
    # The exponent changes slowly from the forehead to the jaw: a jump would draw a line across the face.
    power = np.float32(2.1) + (sides - np.float32(2.1)) * smoothstep(V, -0.08, 0.35)
    shape = (
        (across + np.float32(1e-4)) ** power + np.clip(along, 1e-4, None) ** np.where(below, lower, np.float32(2.3)) - 1
    )
    gx, gy = slopes(shape, canvas.px)
    edge = shape / (np.sqrt(gx * gx + gy * gy) + np.float32(1e-4))
    return edge, -shape
