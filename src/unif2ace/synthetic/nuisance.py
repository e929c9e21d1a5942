"""What varies from picture to picture and no caption mentions: pose, light, shades, noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

BOUNDS: Final = {
    "scale": (1.04, 1.20), "dx": (-0.04, 0.04), "dy": (-0.015, 0.065), "yaw": (-0.95, 0.95), "pitch": (-0.3, 0.3),
    "roll": (-0.24, 0.24),
}  # fmt: skip
"""Limits of the pose: the windows in which features are drawn hold whatever lies within them."""

NUM_JITTER: Final = 32


@dataclass(frozen=True, slots=True)
class Nuisance:
    """Continuous variation of one picture.

    Attributes:
        yaw: Turn of the head, -1 to 1; negative to the viewer's left.
        pitch: Nod, negative upwards.
        roll: Tilt in radians; positive leans the crown to the viewer's right.
        scale: Size of the face in the frame.
        dx: Shift to the right, in half frames.
        dy: Shift downwards, in half frames.
        light: Direction of the key light, (x, y); negative y is from above.
        key: Strength of the key light.
        ambient: Strength of the light from everywhere.
        warmth: Red gain and blue loss.
        noise: Standard deviation of the grain, of 1.
        jitter: Standard normal numbers within +-2 for what differs between pictures.
        body: Standard normal numbers within +-2 for what differs between persons.
        seed: Of grain and texture.
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
    """Nuisances of a picture.

    Args:
        draw: Source of randomness.
        body: The person's own numbers.
        turn: -1, 0 or 1: where the head is turned.
        tilt: -1, 0 or 1: where the head is tilted.
        seed: Kept for grain and texture.
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
