"""dlib's frontal face detector (HOG) and its 68 landmarks. Needs ``dlib-bin`` and ``face_recognition_models``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unif2ace.curation.detectors.base import Detector, FoundFace, search_scale
from unif2ace.errors import ConfigError

_MODELS: Final = "face_recognition_models"
_HOW: Final = "pip install dlib-bin face_recognition_models, or install unif2ace[collect]"
_PARTS: Final = (range(36, 42), range(42, 48), (30,), (48,), (54,))
"""Indices of the five landmarks among dlib's 68 points. An eye is the mean of six points."""


class DlibDetector(Detector):
    """Finds upright, frontal faces of at least about 80 pixels in the resized picture.

    Args:
        threshold: Smallest score; dlib's default is 0. A lower threshold finds more faces and more false positives.
        min_side: The shorter side is enlarged to this number of pixels before detection.
        max_side: The longer side is reduced to this number of pixels before detection.
        turns: Angles in degrees by which the picture is rotated counterclockwise, tried in order until a face is
            found. Add 90, -90 and 180 for pictures that may be stored sideways or upside down.

    Raises:
        ConfigError: If a package is missing or a setting is out of range.
    """

    def __init__(
        self,
        threshold: float = 0.0,
        min_side: int = 256,
        max_side: int = 1024,
        turns: Sequence[float] = (0.0, 30.0, -30.0),
    ) -> None:
        if not 1 <= min_side <= max_side:
            raise ConfigError(
                f"detector.min_side={min_side}, detector.max_side={max_side}: give 1 <= min_side <= max_side"
            )
        if not turns:
            raise ConfigError("detector.turns=[]: give at least one angle in degrees, such as detector.turns=[0]")
        self.threshold, self.min_side, self.max_side, self.turns = threshold, min_side, max_side, tuple(turns)
        self._models: tuple[Any, Any] | None = None
        _dlib()
        _landmark_file()

    def find(self, pixels: NDArray[np.uint8], facts: Mapping[str, Any]) -> list[FoundFace]:
        """The faces in a picture, uint8 (H, W, 3)."""
        dlib = _dlib()
        if self._models is None:
            self._models = dlib.get_frontal_face_detector(), dlib.shape_predictor(str(_landmark_file()))
        height, width = pixels.shape[:2]
        scale = search_scale(height, width, self.min_side, self.max_side)
        searched = pixels if scale == 1 else _resized(pixels, scale)
        for turn in self.turns:
            if turn:
                found = self._turned(searched, turn, scale)
            else:
                # Landmarks are whole pixels: they are predicted in the larger one of the two pictures.
                found = self._found(searched, *((searched, 1.0) if scale > 1 else (pixels, 1 / scale)))
                found = found if scale <= 1 else [_scaled(face, scale) for face in found]
            if found:
                return found
        return []

    def _found(self, searched: NDArray[np.uint8], canvas: NDArray[np.uint8], factor: float) -> list[FoundFace]:
        """Detects faces in `searched` and their landmarks in `canvas`, the same picture enlarged by `factor`.

        The result is in pixels of `canvas`.
        """
        assert self._models is not None
        detect, predict = self._models
        found = []
        for box, score in zip(*detect.run(searched, 0, self.threshold)[:2], strict=True):
            edges = [factor * side for side in (box.left(), box.top(), box.right() + 1, box.bottom() + 1)]
            left, top, right, bottom = edges
            shape = predict(canvas, _dlib().rectangle(*map(round, edges)))
            points = [np.mean([(shape.part(i).x, shape.part(i).y) for i in part], axis=0) for part in _PARTS]
            found.append(FoundFace((left, top, right, bottom), np.stack(points) + 0.5, float(score)))
        return found

    def _turned(self, searched: NDArray[np.uint8], turn: float, scale: float) -> list[FoundFace]:
        """Faces found after rotating the picture counterclockwise by `turn` degrees, in pixels of the original."""
        turned = np.asarray(Image.fromarray(searched).rotate(turn, Image.Resampling.BILINEAR, expand=True))
        cos, sin = np.cos(np.radians(turn)), np.sin(np.radians(turn))
        back = np.array([[cos, sin], [-sin, cos]])  # of row vectors; y points down
        found = []
        for face in self._found(turned, turned, 1.0):
            left, top, right, bottom = face.box
            corners = np.array([[left, top], [left, bottom], [right, bottom], [right, top]])
            points = np.concatenate([corners, face.landmarks]) - np.array(turned.shape[1::-1]) / 2
            points = points @ back + np.array(searched.shape[1::-1]) / 2
            low, high = points[:4].min(axis=0).tolist(), points[:4].max(axis=0).tolist()
            found.append(_scaled(FoundFace((*low, *high), points[4:], face.score), scale))
        return found

    def describe(self) -> dict[str, Any]:
        """The detector's settings and the version of dlib."""
        settings = {
            "threshold": self.threshold,
            "min_side": self.min_side,
            "max_side": self.max_side,
            "turns": list(self.turns),
        }
        return {"name": "dlib", "version": version("dlib-bin"), **settings}

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_models": None}  # each process reads them itself


def _scaled(face: FoundFace, scale: float) -> FoundFace:
    """Maps a face from a picture resized by the factor `scale` back to the original picture."""
    left, top, right, bottom = (side / scale for side in face.box)
    return FoundFace((left, top, right, bottom), face.landmarks / scale, face.score)


def _resized(pixels: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    size = max(1, round(width * scale)), max(1, round(height * scale))
    resample = Image.Resampling.BICUBIC if scale > 1 else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(pixels).resize(size, resample, reducing_gap=2.0))


def _dlib() -> Any:
    try:
        return import_module("dlib")
    except ImportError as error:
        raise ConfigError(f"detector=dlib: the package dlib is not installed; {_HOW}") from error


def _landmark_file() -> Path:
    """Path of the weights of the landmark model. The code of their package is not imported."""
    try:
        package = distribution(_MODELS)
    except PackageNotFoundError as error:
        raise ConfigError(f"detector=dlib: the package {_MODELS} with the weights is not installed; {_HOW}") from error
    path = Path(str(package.locate_file(f"{_MODELS}/models/shape_predictor_68_face_landmarks.dat")))
    if not path.is_file():
        raise ConfigError(f"detector=dlib: the installed package {_MODELS} lacks {path.name}; {_HOW}")
    return path
