"""A filter measures a face and refuses it outside its limits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unif2ace.curation.detectors.base import FoundFace, Points
from unif2ace.errors import ConfigError

_SIDE = 128


@dataclass(frozen=True)
class FaceCandidate:
    """A face before it is kept.

    Attributes:
        pixels: The aligned face, RGB, uint8 (S, S, 3).
        square: Its corners in the picture, float64 (4, 2): top left, bottom left, bottom right, top right.
        width: Width of the picture in pixels.
        height: Height of the picture in pixels.
        face: What the detector found; None for a picture that was aligned before.
    """

    pixels: NDArray[np.uint8]
    square: Points
    width: int
    height: int
    face: FoundFace | None

    @property
    def side(self) -> float:
        """Side of the square in pixels of the picture."""
        return float(np.hypot(*(self.square[3] - self.square[0])))

    @cached_property
    def grayscale(self) -> NDArray[np.float32]:
        """Luminance in 0..255 at a fixed size, float32 (128, 128), whatever the size of the samples."""
        image = Image.fromarray(self.pixels).convert("L")
        if image.width != _SIDE:
            image = image.resize((_SIDE, _SIDE), Image.Resampling.BILINEAR, reducing_gap=2.0)
        return np.asarray(image, np.float32)


class FaceFilter(ABC):
    """Limits on one measurement.

    Attributes:
        unit: Unit of the measurement, for the report.
    """

    unit: str = ""

    def __init__(self, minimum: float | None = None, maximum: float | None = None) -> None:
        if minimum is None and maximum is None:
            raise ConfigError(f"filter.{self.name} has no limit: give minimum or maximum, or leave the filter out")
        if minimum is not None and maximum is not None and minimum > maximum:
            raise ConfigError(f"filter.{self.name}: minimum={minimum:g} is above maximum={maximum:g}")
        self.minimum, self.maximum = minimum, maximum

    @property
    def name(self) -> str:
        """Name of the filter: the outcome of what it refuses."""
        return type(self).__name__.removesuffix("Filter").lower()

    @abstractmethod
    def measure(self, candidate: FaceCandidate) -> float | None:
        """The measurement; None if it cannot be made, as of a pose without landmarks. The face then passes."""

    def refusal(self, value: float | None) -> str:
        """Why a face with this measurement is refused; empty if it passes."""
        if value is None:
            return ""
        if self.minimum is not None and not value >= self.minimum:
            return f"{value:.3g}{self.unit} is below filter.{self.name}.minimum={self.minimum:g}"
        if self.maximum is not None and not value <= self.maximum:
            return f"{value:.3g}{self.unit} is above filter.{self.name}.maximum={self.maximum:g}"
        return ""

    def describe(self) -> dict[str, Any]:
        """Its limits."""
        return {"minimum": self.minimum, "maximum": self.maximum}
