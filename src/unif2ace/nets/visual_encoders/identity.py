"""Identity embedding from a face recogniser. Needs the packages ``dlib-bin`` and ``face_recognition_models``.

dlib detects the face. Recognition uses dlib's own network, or an ArcFace network (arXiv 1801.07698) from an ONNX file,
such as that of InsightFace's AntelopeV2, which needs ``onnxruntime``.

Shapes: B images of H x W pixels, F dimensions of an embedding.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import grid_sample, interpolate

from unif2ace.errors import ConfigError
from unif2ace.nets.visual_encoders.base import VisualEncoder
from unif2ace.types import Condition

MODELS = "face_recognition_models"
HOW = "pip install dlib-bin face_recognition_models, or install unif2ace[identity]"
SIDE = 112
"""Side in pixels of ArcFace's aligned faces."""
TEMPLATE = ((38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041))
"""Landmarks (x, y) of ArcFace: left eye, right eye, tip of the nose, left and right corner of the mouth."""
PARTS = (range(36, 42), range(42, 48), (30,), (48,), (54,))
"""Indices of these landmarks among dlib's 68 points; an eye is the mean of six points."""


class IdentityEncoder(VisualEncoder):
    """Embeds the largest face of each image, float32 (B, 1, F); not present if no face is found. Runs on the CPU.

    Args:
        dim: F; 128 for dlib's network, 512 for AntelopeV2's.
        weights: An ONNX file whose input is float32 (1, 3, 112, 112) in [-1, 1], in RGB order; None for dlib's network.
        search_size: Side in pixels to which an image is enlarged before detection; dlib detects faces of about 80
            pixels or more.

    Raises:
        ConfigError: If a package or the file is missing, or the network's embeddings do not have `dim` dimensions.
    """

    def __init__(self, dim: int = 128, weights: str | None = None, search_size: int = 256) -> None:
        super().__init__()
        dlib = _dlib()
        self.dim, self.search_size = dim, search_size
        self._find = dlib.get_frontal_face_detector()
        self._points = dlib.shape_predictor(str(_file("shape_predictor_68_face_landmarks.dat")))
        self._recognise = _dlib_network(dlib) if weights is None else _onnx_network(weights)
        found = len(self._recognise(np.zeros((150, 150, 3), np.uint8), _middle(dlib, self._points)))
        if found != dim:
            raise ConfigError(
                f"visual_encoder.identity.dim={dim}: this network's embeddings have {found} dimensions; set "
                f"visual_encoder.identity.dim={found}"
            )

    @torch.no_grad()
    def forward(self, image: Tensor) -> Condition:
        """The embeddings, (B, 1, F), of uint8 (B, 3, H, W)."""
        rows = [self._embedding(picture) for picture in image.cpu()]
        present = torch.tensor([row is not None for row in rows], dtype=torch.bool)
        values = [torch.zeros(self.dim) if row is None else torch.from_numpy(row) for row in rows]
        stacked = torch.stack(values) if values else torch.zeros(0, self.dim)
        return Condition(stacked[:, None].to(image.device), present.to(image.device))

    def _embedding(self, image: Tensor) -> NDArray[np.float32] | None:
        height, width = image.shape[-2:]
        if (scale := self.search_size / min(height, width)) > 1:
            size = round(scale * height), round(scale * width)
            large = interpolate(image[None].float(), size, mode="bicubic", antialias=True)[0]
            image = large.round().clamp(0, 255).byte()
        pixels = np.ascontiguousarray(image.permute(1, 2, 0).numpy())
        faces = self._find(pixels)
        if not faces:
            return None
        largest = max(faces, key=lambda face: face.area())
        return self._recognise(pixels, self._points(pixels, largest))


Recognise = Callable[[NDArray[np.uint8], Any], NDArray[np.float32]]
"""Maps an image (H, W, 3) and dlib's 68 points to the embedding (F,) of the face."""


def _dlib_network(dlib: Any) -> Recognise:
    network = dlib.face_recognition_model_v1(str(_file("dlib_face_recognition_resnet_model_v1.dat")))
    return lambda pixels, points: np.array(network.compute_face_descriptor(pixels, points), np.float32)


def _onnx_network(weights: str) -> Recognise:
    try:
        onnxruntime = import_module("onnxruntime")
    except ImportError as error:
        raise ConfigError(
            "visual_encoder.identity.weights needs a package: pip install onnxruntime, or install unif2ace[identity]"
        ) from error
    if not Path(weights).is_file():
        raise ConfigError(f"visual_encoder.identity.weights={weights!r}: there is no such file")
    try:
        session = onnxruntime.InferenceSession(weights, providers=["CPUExecutionProvider"])
    except Exception as error:  # the package has its own error types
        raise ConfigError(f"visual_encoder.identity.weights={weights!r} cannot be read: {error}") from error
    name = session.get_inputs()[0].name

    def recognise(pixels: NDArray[np.uint8], points: Any) -> NDArray[np.float32]:
        five = [np.mean([(points.part(i).x, points.part(i).y) for i in part], axis=0) for part in PARTS]
        face = aligned(torch.from_numpy(pixels).permute(2, 0, 1), np.stack(five))
        found = session.run(None, {name: (face / 127.5 - 1)[None].numpy()})[0]
        return np.asarray(found, np.float32).reshape(-1)

    return recognise


def aligned(image: Tensor, points: NDArray[np.floating]) -> Tensor:
    """Aligns a face by the similarity transform that fits five landmarks to ArcFace's template.

    Args:
        image: uint8 (3, H, W).
        points: float (5, 2), x and y in pixels, in the order of `TEMPLATE`.

    Returns:
        float32 (3, 112, 112), 0 to 255; black outside the image.
    """
    # in complex numbers a similarity transform is z -> a z + b: a linear regression
    there, here = np.array(TEMPLATE) @ [1, 1j], points @ np.array([1, 1j])
    centred = there - there.mean()
    a = np.vdot(centred, here - here.mean()) / np.vdot(centred, centred)
    grid = np.arange(SIDE) + 1j * np.arange(SIDE)[:, None]
    source = torch.from_numpy(a * (grid - there.mean()) + here.mean())
    height, width = image.shape[-2:]
    place = torch.stack([2 * source.real / (width - 1) - 1, 2 * source.imag / (height - 1) - 1], -1).float()
    return grid_sample(image[None].float(), place[None], align_corners=True)[0]


def _dlib() -> Any:
    try:
        return import_module("dlib")
    except ImportError as error:
        raise ConfigError(f"visual_encoder=identity needs dlib: {HOW}") from error


def _file(name: str) -> Path:
    """A weights file of the package; the package's code is not run."""
    try:
        path = Path(str(distribution(MODELS).locate_file(f"{MODELS}/models/{name}")))
    except PackageNotFoundError as error:
        raise ConfigError(f"visual_encoder=identity needs weights: {HOW}") from error
    if not path.is_file():
        raise ConfigError(f"visual_encoder=identity: the package {MODELS} lacks {name}: {HOW}")
    return path


def _middle(dlib: Any, points: Any) -> Any:
    return points(np.zeros((150, 150, 3), np.uint8), dlib.rectangle(30, 30, 120, 120))
