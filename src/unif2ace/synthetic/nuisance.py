"""Variation between images that captions do not mention: pose, light, shades, noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

BOUNDS: Final = {
    "scale": (1.04, 1.20), "dx": (-0.04, 0.04), "dy": (-0.015, 0.065), "yaw": (-0.95, 0.95), "pitch": (-0.3, 0.3),
    "roll": (-0.24, 0.24),
}  # fmt: skip
"""Limits of the pose: windows hold their features in every pose within these limits."""

NUM_JITTER: Final = 32


@dataclass(frozen=True, slots=True)
class Nuisance:
    """Continuous variation of one image.

    Attributes:
        yaw: Turn of the head, -1 to 1; negative to the viewer's left.
        pitch: Nod, negative upwards.
        roll: Tilt in radians; positive tilts the crown to the viewer's right.
        scale: Size of the face in the frame.
        dx: Shift to the right, in half frames.
        dy: Shift downwards, in half frames.
        light: Direction of the key light, (x, y); negative y is from above.
        key: Strength of the key light.
        ambient: Strength of the ambient light.
        warmth: Gain of red and loss of blue.
        noise: Standard deviation of the grain, relative to a range of 1.
        jitter: Standard normal values within +-2 for properties of the image.
        body: Standard normal values within +-2 for properties of the person.
        seed: Seed of grain and texture.
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
    """Samples the nuisances of an image.

    Args:
        draw: Random generator.
        body: The person's own values.
        turn: Direction of the head's turn: -1, 0 or 1.
        tilt: Direction of the head's tilt: -1, 0 or 1.
        seed: Stored for grain and texture.
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
