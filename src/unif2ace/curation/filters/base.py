"""The base class of filters. A filter measures a face and refuses it if the value is outside the limits."""

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
    """A face that filters can refuse.

    Attributes:
        pixels: The aligned face, RGB, uint8 (S, S, 3).
        square: Corners of the face in the picture, float64 (4, 2): top left, bottom left, bottom right, top right.
        width: Width of the picture in pixels.
        height: Height of the picture in pixels.
        face: The detected face; None if the picture was already aligned.
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
        """Luminance of the face from 0 to 255, resized to float32 (128, 128)."""
        image = Image.fromarray(self.pixels).convert("L")
        if image.width != _SIDE:
            image = image.resize((_SIDE, _SIDE), Image.Resampling.BILINEAR, reducing_gap=2.0)
        return np.asarray(image, np.float32)


class FaceFilter(ABC):
    """Limits on one measurement.

    Attributes:
        unit: Unit of the measurement in messages, with a leading space.
    """

    unit: str = ""

    def __init__(self, minimum: float | None = None, maximum: float | None = None) -> None:
        if minimum is None and maximum is None:
            raise ConfigError(
                f"filter.{self.name}: the filter has no limit; give filter.{self.name}.minimum or "
                f"filter.{self.name}.maximum, or leave the filter out"
            )
        if minimum is not None and maximum is not None and minimum > maximum:
            raise ConfigError(f"filter.{self.name}: minimum={minimum:g} is above maximum={maximum:g}; change one")
        self.minimum, self.maximum = minimum, maximum

    @property
    def name(self) -> str:
        """Name of the filter, which is also the outcome of a refused face."""
        return type(self).__name__.removesuffix("Filter").lower()

    @abstractmethod
    def measure(self, candidate: FaceCandidate) -> float | None:
        """The measured value. None lets the face pass, for example a pose that needs missing landmarks."""

    def refusal(self, value: float | None) -> str:
        """The reason why a face with this measurement is refused; empty if the face passes."""
        if value is None:
            return ""
        if self.minimum is not None and not value >= self.minimum:
            return f"{value:.3g}{self.unit} is below filter.{self.name}.minimum={self.minimum:g}"
        if self.maximum is not None and not value <= self.maximum:
            return f"{value:.3g}{self.unit} is above filter.{self.name}.maximum={self.maximum:g}"
        return ""

    def describe(self) -> dict[str, Any]:
        """The filter's limits."""
        return {"minimum": self.minimum, "maximum": self.maximum}
