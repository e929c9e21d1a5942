"""MTCNN (Zhang et al., IEEE SPL 2016) with the weights of ``facenet-pytorch``. The code of that package is not needed.

Shapes: N is the number of boxes; h and w are the height and width of the picture at one scale.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from unif2ace.curation.detectors.base import Detector, FoundFace, search_scale
from unif2ace.errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor

_NETS: Final = ("pnet", "rnet", "onet")
_HOW: Final = "pip install --no-deps facenet-pytorch, or give detector.weights=FOLDER with pnet.pt, rnet.pt and onet.pt"
_FACTOR: Final = 0.709  # between two scales
_CELL, _STRIDE = 12, 2  # of the first network
_MOST: Final = 2048  # boxes of one scale, the most confident ones

Weights = dict[str, "Tensor"]


class MtcnnDetector(Detector):
    """Finds faces with three small networks, also in half profile or tilted by up to about 45 degrees.

    Args:
        weights: Folder with ``pnet.pt``, ``rnet.pt`` and ``onet.pt``; None for an installed ``facenet-pytorch``.
        thresholds: Smallest confidence for each of the three networks, between 0 and 1.
        min_face: Side of the smallest face in pixels of the resized picture, at least 12.
        min_side: The shorter side is enlarged to this number of pixels before detection.
        max_side: The longer side is reduced to this number of pixels before detection.

    Raises:
        ConfigError: If a file is missing or damaged, or a setting is out of range.
    """

    def __init__(
        self,
        weights: str | None = None,
        thresholds: tuple[float, float, float] = (0.6, 0.7, 0.7),
        min_face: int = 40,
        min_side: int = 128,
        max_side: int = 1024,
    ) -> None:
        if len(thresholds) != 3 or not all(0 < t < 1 for t in thresholds):
            raise ConfigError(f"detector.thresholds={[*thresholds]}: give three numbers between 0 and 1")
        if min_face < _CELL or not 1 <= min_side <= max_side:
            raise ConfigError(
                f"detector.min_face={min_face}, detector.min_side={min_side}, detector.max_side={max_side}: give "
                f"min_face >= {_CELL} and 1 <= min_side <= max_side"
            )
        self.files = _files(weights)
        self.thresholds, self.min_face, self.min_side, self.max_side = tuple(thresholds), min_face, min_side, max_side
        self._weights: list[Weights] | None = None

    def find(self, pixels: NDArray[np.uint8], facts: Mapping[str, Any]) -> list[FoundFace]:
        """The faces in a picture, uint8 (H, W, 3)."""
        import torch

        self._weights = self._weights or [_read(file) for file in self.files]
        height, width = pixels.shape[:2]
        scale = search_scale(height, width, self.min_side, self.max_side)
        with torch.inference_mode():
            image = torch.tensor(pixels).permute(2, 0, 1)[None].float()
            if scale != 1:
                image = _sized(image, max(1, round(height * scale)), max(1, round(width * scale)))
            boxes = self._propose(image)
            for number in (1, 2):
                if not len(boxes):
                    return []
                boxes, scores, points = self._refine(image, boxes, number)
        return [
            FoundFace(tuple((box / scale).tolist()), place.double().numpy() / scale, float(score))
            for box, score, place in zip(boxes, scores, points, strict=True)
        ]

    def _propose(self, image: Tensor) -> Tensor:
        """Square boxes (N, 4) that the first network proposes over all scales."""
        import torch
        from torchvision.ops import nms

        assert self._weights is not None
        found, height, width = [torch.zeros(0, 9)], *image.shape[-2:]
        scale = _CELL / self.min_face
        while min(height, width) * scale >= _CELL:
            small = _sized(image, int(height * scale + 1), int(width * scale + 1))
            shift, confidence = _pnet(self._weights[0], _normal(small))
            rows, columns = torch.nonzero(confidence[0] >= self.thresholds[0], as_tuple=True)
            score, move = confidence[0, rows, columns], shift[0, :, rows, columns].T
            corner = torch.stack([columns, rows], 1) * _STRIDE
            box = torch.cat([corner, corner + _CELL], 1) / scale
            kept = nms(box, score, 0.5)[:_MOST]
            found.append(torch.cat([box, score[:, None], move], 1)[kept])
            scale *= _FACTOR
        every = torch.cat(found)
        every = every[nms(every[:, :4], every[:, 4], 0.7)]
        return _square(_moved(every[:, :4], every[:, 5:]))

    def _refine(self, image: Tensor, boxes: Tensor, number: int) -> tuple[Tensor, Tensor, Tensor]:
        """Boxes (N, 4), confidences (N,) and landmarks (N, 5, 2) of the second or third network."""
        from torchvision.ops import nms

        assert self._weights is not None
        boxes, crops = _crops(image, boxes, 24 * number)
        shift, score, points = (_rnet, _onet)[number - 1](self._weights[number], crops)
        sure = score >= self.thresholds[number]
        boxes, shift, score, points = boxes[sure], shift[sure], score[sure], points[sure]
        size = (boxes[:, 2:] - boxes[:, :2])[:, None]
        places = boxes[:, None, :2] + points.reshape(-1, 2, 5).transpose(1, 2) * size
        boxes = _moved(boxes, shift)
        kept = nms(boxes, score, 0.7) if number == 1 else _apart(boxes, score)
        boxes = _square(boxes[kept]) if number == 1 else boxes[kept]
        return boxes, score[kept], places[kept]

    def describe(self) -> dict[str, Any]:
        """The detector's settings and the hash of the weights."""
        digest = sha256(b"".join(file.read_bytes() for file in self.files)).hexdigest()
        settings = {name: getattr(self, name) for name in ("min_face", "min_side", "max_side")}
        return {"name": "mtcnn", "weights": digest, "thresholds": list(self.thresholds), **settings}

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_weights": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        import torch

        torch.set_num_threads(1)  # in a process of its own, one of many
        vars(self).update(state)


def _files(weights: str | None) -> list[Path]:
    if weights is None:
        try:
            folder = Path(str(distribution("facenet-pytorch").locate_file("facenet_pytorch/data")))
        except PackageNotFoundError as error:
            raise ConfigError(f"detector=mtcnn: no weights are installed; {_HOW}") from error
    else:
        folder = Path(weights)
    files = [folder / f"{name}.pt" for name in _NETS]
    if missing := [file for file in files if not file.is_file()]:
        raise ConfigError(f"detector.weights={weights}: {missing[0]} does not exist; {_HOW}")
    return files


def _read(file: Path) -> Weights:
    import torch

    try:
        weights: Weights = torch.load(file, map_location="cpu", weights_only=True)
        return {name: value.float() for name, value in weights.items()}
    except Exception as error:  # a damaged file raises many kinds
        raise ConfigError(f"detector.weights: {file} cannot be read ({error}); {_HOW}") from error


def _sized(image: Tensor, height: int, width: int) -> Tensor:
    from torch.nn.functional import interpolate

    return interpolate(image, (height, width), mode="area")


def _normal(image: Tensor) -> Tensor:
    return (image - 127.5) / 128


def _conv(weights: Weights, image: Tensor, number: int, pool: int = 0) -> Tensor:
    """Convolution, PReLU and, if `pool` > 0, max pooling over `pool` x `pool` pixels with stride 2."""
    from torch.nn.functional import conv2d, max_pool2d, prelu

    image = conv2d(image, weights[f"conv{number}.weight"], weights[f"conv{number}.bias"])
    image = prelu(image, weights[f"prelu{number}.weight"])
    return max_pool2d(image, pool, 2, ceil_mode=True) if pool else image


def _dense(weights: Weights, values: Tensor, name: str) -> Tensor:
    from torch.nn.functional import linear

    return linear(values, weights[f"dense{name}.weight"], weights[f"dense{name}.bias"])


def _pnet(weights: Weights, image: Tensor) -> tuple[Tensor, Tensor]:
    """Shifts (1, 4, h', w') and confidences (1, h', w') of 12-pixel boxes, two pixels apart: h' is about h / 2."""
    from torch.nn.functional import conv2d

    x = _conv(weights, _conv(weights, _conv(weights, image, 1, 2), 2), 3)
    face, shift = (conv2d(x, weights[f"conv4_{n}.weight"], weights[f"conv4_{n}.bias"]) for n in (1, 2))
    return shift, face.softmax(1)[:, 1]


def _rnet(weights: Weights, crops: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Shifts (N, 4) and confidences (N,) of crops (N, 3, 24, 24), and zeros (N, 10) in place of landmarks."""
    from torch.nn.functional import prelu

    x = _conv(weights, _conv(weights, _conv(weights, crops, 1, 3), 2, 3), 3)
    x = prelu(_dense(weights, x.permute(0, 3, 2, 1).flatten(1), "4"), weights["prelu4.weight"])
    face, shift = _dense(weights, x, "5_1"), _dense(weights, x, "5_2")
    return shift, face.softmax(1)[:, 1], x.new_zeros(len(x), 10)


def _onet(weights: Weights, crops: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Shifts (N, 4), confidences (N,) and landmarks (N, 10), first x and then y, of crops (N, 3, 48, 48)."""
    from torch.nn.functional import prelu

    x = _conv(weights, _conv(weights, _conv(weights, _conv(weights, crops, 1, 3), 2, 3), 3, 2), 4)
    x = prelu(_dense(weights, x.permute(0, 3, 2, 1).flatten(1), "5"), weights["prelu5.weight"])
    face, shift, points = (_dense(weights, x, f"6_{n}") for n in (1, 2, 3))
    return shift, face.softmax(1)[:, 1], points


def _moved(boxes: Tensor, shift: Tensor) -> Tensor:
    """Moves the edges of boxes (N, 4) by `shift` (N, 4), given in units of the box size."""
    size = boxes[:, 2:] - boxes[:, :2]
    return boxes + shift * size.repeat(1, 2)


def _square(boxes: Tensor) -> Tensor:
    """Square boxes (N, 4) with the same centres; their side is the longer side of each box."""
    import torch

    half = (boxes[:, 2:] - boxes[:, :2]).amax(1, keepdim=True) / 2
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    return torch.cat([centre - half, centre + half], 1)


def _crops(image: Tensor, boxes: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """Boxes rounded to whole pixels (N, 4), and the picture inside each box, resized to (N, 3, side, side)."""
    import torch

    height, width = image.shape[-2:]
    boxes = boxes.round()
    left, top = boxes[:, 0].clamp(0, width - 1).int(), boxes[:, 1].clamp(0, height - 1).int()
    right, bottom = boxes[:, 2].clamp(1, width).int(), boxes[:, 3].clamp(1, height).int()
    edges = torch.stack([left, top, torch.maximum(right, left + 1), torch.maximum(bottom, top + 1)], 1).tolist()
    return boxes, torch.cat([_normal(_sized(image[..., t:b, l:r], side, side)) for l, t, r, b in edges])  # noqa: E741


def _apart(boxes: Tensor, score: Tensor) -> list[int]:
    """Non-maximum suppression: indices of the kept boxes, the most confident first.

    A box is dropped if its intersection with a kept box exceeds 70 % of the smaller box's area.
    """
    import torch

    kept: list[int] = []
    area = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    for index in score.argsort(descending=True).tolist():
        if kept:
            low, high = (
                torch.maximum(boxes[kept, :2], boxes[index, :2]),
                torch.minimum(boxes[kept, 2:], boxes[index, 2:]),
            )
            if bool(((high - low).clamp(min=0).prod(1) > 0.7 * area[kept].minimum(area[index])).any()):
                continue
        kept.append(index)
    return kept
