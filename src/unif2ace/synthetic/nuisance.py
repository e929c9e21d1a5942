"""Nuisance variables: variation between images that captions do not mention (exact pose, light, shades, noise)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

BOUNDS: Final = {
    "scale": (1.04, 1.20), "dx": (-0.04, 0.04), "dy": (-0.015, 0.065), "yaw": (-0.95, 0.95), "pitch": (-0.3, 0.3),
    "roll": (-0.24, 0.24),
}  # fmt: skip
"""Minimum and maximum of the pose variables. `Canvas.window` uses them to contain a feature in every pose."""

NUM_JITTER: Final = 32


@dataclass(frozen=True, slots=True)
class Nuisance:
    """Nuisance variables of one image. Pose limits are in `BOUNDS`.

    Attributes:
        yaw: Turn of the head, from -0.95 (far to the viewer's left) to 0.95.
        pitch: Nod of the head, from -0.3 (upwards) to 0.3.
        roll: Tilt of the head in radians; positive tilts the crown to the viewer's right.
        scale: Factor from face coordinates to frame coordinates.
        dx: Shift to the right, in frame coordinates (half image widths).
        dy: Shift downwards, in frame coordinates (half image heights).
        light: Direction (x, y) towards the key light; a negative y is light from above.
        key: Strength of the key light; about 1.
        ambient: Strength of the ambient light.
        warmth: Relative gain of red and loss of blue.
        noise: Standard deviation of the image noise, for values in [0, 1].
        jitter: Standard normal values clipped to [-2, 2], for properties of the image.
        body: Standard normal values clipped to [-2, 2], for properties of the person.
        seed: Seed of noise and textures.
    """

    yaw: float
    pitch: float
    roll: float
    scale: float
    dx: float
    dy: float
    light: tuple[float, float]
    key: float
    ambient: float
    warmth: float
    noise: float
    jitter: tuple[float, ...]
    body: tuple[float, ...]
    seed: int


def draw_nuisance(draw: np.random.Generator, body: tuple[float, ...], turn: float, tilt: float, seed: int) -> Nuisance:
    """Samples the nuisance variables of an image.

    Args:
        draw: Random generator.
        body: `Nuisance.body` of the person.
        turn: Turn of the head: -1 (left), 0 or 1 (right).
        tilt: Tilt of the head: -1 (left), 0 or 1 (right).
        seed: Seed of noise and textures, stored in the result.
    """

    def within(name: str, value: float) -> float:
        low, high = BOUNDS[name]
        return float(min(max(value, low), high))

    return Nuisance(
        yaw=within("yaw", turn * draw.uniform(0.5, 0.9) + draw.normal(0, 0.05)),
        pitch=within("pitch", draw.normal(0, 0.12)),
        roll=within("roll", tilt * draw.uniform(0.14, 0.22) + draw.normal(0, 0.012)),
        scale=float(draw.uniform(*BOUNDS["scale"])),
        dx=within("dx", draw.normal(0, 0.018)),
        dy=within("dy", draw.normal(0.025, 0.016)),
        light=(float(draw.uniform(-0.75, 0.75)), float(draw.uniform(-0.75, -0.2))),
        key=float(draw.uniform(0.92, 1.2)),
        ambient=float(draw.uniform(0.32, 0.5)),
        warmth=float(draw.normal(0, 0.035)),
        noise=float(draw.uniform(0.002, 0.012)),
        jitter=tuple(draw.normal(0, 1, NUM_JITTER).clip(-2, 2).tolist()),
        body=body,
        seed=seed,
    )
