"""Measures of a head for rendering and visibility, in face coordinates (see `canvas`); heights increase downwards."""

from __future__ import annotations

from typing import Final

from unif2ace.attributes import AttributeRecord
from unif2ace.synthetic.nuisance import Nuisance

SHAPES: Final[dict[str, tuple[float, float, float, float]]] = {
    "oval": (0.418, 0.622, 2.05, 1.62),
    "round": (0.492, 0.548, 2.10, 2.20),
    "square": (0.457, 0.582, 3.9, 2.36),
    "heart": (0.468, 0.618, 1.42, 1.24),
    "long": (0.376, 0.690, 2.9, 2.10),
}
"""For each face shape: half width, V of the chin, and exponents of the outline for the lower face and for the sides."""


def mouth_opening(drawn: AttributeRecord) -> float:
    """Height of the mouth opening in face coordinates; 0 under a mask."""
    if not drawn["mouth_open"] or drawn["mask"]:
        return 0.0
    if drawn["make_a_face"]:
        return 0.06
    return 0.095 if drawn["laugh"] else {"surprise": 0.135, "fear": 0.07}.get(str(drawn["emotion"]), 0.055)


def chin_height(drawn: AttributeRecord, nuisance: Nuisance) -> float:
    """V coordinate of the chin."""
    man = 0.014 if drawn["gender"] == "man" else 0.0
    return SHAPES[str(drawn["face_shape"])][1] + 0.008 * nuisance.body[1] + man + 0.45 * mouth_opening(drawn)
