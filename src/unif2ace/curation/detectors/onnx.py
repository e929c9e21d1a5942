"""A face detector from an ONNX file with named outputs. Needs ``onnxruntime``."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import file_digest
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unif2ace.curation.detectors.base import Detector, FoundFace, search_scale
from unif2ace.errors import ConfigError

_OUTPUTS: Final = ("boxes", "scores", "landmarks")


class OnnxDetector(Detector):
    """Runs a network whose ONNX graph includes anchor decoding and non-maximum suppression.

    The input is float32 (1, 3, h, w) in RGB order. If the file fixes h and w, the picture is resized to fit and padded
    with black at the right and the bottom. Otherwise h and w are the size of the resized picture.

    The outputs are in pixels of the input: ``boxes`` (N, 4) as left, top, right, bottom; ``scores`` (N,); and
    ``landmarks`` (N, 5, 2) as x, y in the order of `FoundFace.landmarks`.

    Args:
        weights: The ONNX file.
        threshold: Smallest score.
        mean: Mean m of the input normalization ``(x - m) / s`` with x from 0 to 255.
        std: Divisor s of the input normalization.
        min_side: The shorter side is enlarged to this number of pixels before detection.
        max_side: The longer side is reduced to this number of pixels before detection.

    Raises:
        ConfigError: If the package or the file is missing, or if the file lacks one of the three outputs.
    """

    def __init__(
        self,
        weights: str,
        threshold: float = 0.5,
        mean: float = 127.5,
        std: float = 128.0,
        min_side: int = 256,
        max_side: int = 1024,
    ) -> None:
        if not Path(weights).is_file():
            raise ConfigError(f"detector.weights={weights!r}: no such file; give the path of an ONNX file")
        if std <= 0 or not 1 <= min_side <= max_side:
            raise ConfigError(
                f"detector.std={std}, detector.min_side={min_side}, detector.max_side={max_side}: give std > 0 and "
                "1 <= min_side <= max_side"
            )
        self.weights, self.threshold, self.mean, self.std = weights, threshold, mean, std
        self.min_side, self.max_side = min_side, max_side
        self._session = _session(weights)

    def find(self, pixels: NDArray[np.uint8], facts: Mapping[str, Any]) -> list[FoundFace]:
        """The faces in a picture, uint8 (H, W, 3)."""
        self._session = self._session or _session(self.weights)
        entry = self._session.get_inputs()[0]
        height, width = pixels.shape[:2]
        fixed = [side for side in entry.shape[2:] if isinstance(side, int)]
        scale = search_scale(height, width, self.min_side, self.max_side)
        if fixed:
            scale = min(fixed[0] / height, fixed[-1] / width)
        size = max(1, int(width * scale)), max(1, int(height * scale))
        image = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR), np.float32)
        if fixed:
            image = np.pad(image, ((0, fixed[0] - size[1]), (0, fixed[-1] - size[0]), (0, 0)))
        values = ((image - self.mean) / self.std).transpose(2, 0, 1)[None].astype(np.float32)
        boxes, scores, landmarks = self._session.run(_OUTPUTS, {entry.name: values})
        return [
            FoundFace(tuple((box / scale).tolist()), points.astype(np.float64) / scale, float(score))
            for box, score, points in zip(boxes, scores, landmarks, strict=True)
            if score >= self.threshold
        ]

    def describe(self) -> dict[str, Any]:
        """The detector's settings and the hash of the file."""
        with Path(self.weights).open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
        settings = {name: getattr(self, name) for name in ("threshold", "mean", "std", "min_side", "max_side")}
        return {"name": "onnx", "weights": digest, **settings}

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_session": None}  # each process reads the file itself


def _session(weights: str) -> Any:
    try:
        onnxruntime = import_module("onnxruntime")
    except ImportError as error:
        raise ConfigError("detector=onnx: the package onnxruntime is not installed; pip install onnxruntime") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # pictures are spread over processes
    try:
        session = onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the package has its own error types
        raise ConfigError(f"detector.weights={weights!r}: the file cannot be read: {error}") from error
    names = [output.name for output in session.get_outputs()]
    if missing := set(_OUTPUTS) - set(names):
        raise ConfigError(
            f"detector.weights={weights!r}: no output is named {sorted(missing)[0]!r}, only {', '.join(names)}; "
            f"export the network with the outputs {', '.join(_OUTPUTS)}"
        )
    return session
