"""A detector in an ONNX file with one layout of outputs. Needs ``onnxruntime``."""

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
    """Runs a network that decodes its anchors and suppresses overlaps itself.

    The input is float32 (1, 3, h, w) in RGB order; h and w are the size of the resized picture, or of the file's input
    where that is fixed, and the picture is then padded with black at the right and the bottom. The outputs are named
    ``boxes`` (N, 4) as left, top, right and bottom, ``scores`` (N,), and ``landmarks`` (N, 5, 2) as x and y in the
    order of `FoundFace.landmarks`, all in pixels of the input.

    Args:
        weights: The ONNX file.
        threshold: Smallest score.
        mean: Subtracted from the values 0 to 255 of the input.
        std: Divisor after that.
        min_side: The shorter side is enlarged to this number of pixels before detection.
        max_side: The longer side is reduced to this number of pixels before detection.

    Raises:
        ConfigError: If the package or the file is missing, or the outputs have other names.
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
            raise ConfigError(f"detector.weights={weights!r}: there is no such file")
        if std <= 0 or not 1 <= min_side <= max_side:
            raise ConfigError(f"detector.std={std}, min_side={min_side}, max_side={max_side}: std > 0, 1 <= min <= max")
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
        """Its settings, and the hash of the file."""
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
        raise ConfigError("detector=onnx needs a package: pip install onnxruntime") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # pictures are spread over processes
    try:
        session = onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the package has its own error types
        raise ConfigError(f"detector.weights={weights!r} cannot be read: {error}") from error
    names = [output.name for output in session.get_outputs()]
    if missing := set(_OUTPUTS) - set(names):
        raise ConfigError(
            f"detector.weights={weights!r} has no output {sorted(missing)[0]!r}: it has {', '.join(names)}; "
            f"export it with {', '.join(_OUTPUTS)}"
        )
    return session
