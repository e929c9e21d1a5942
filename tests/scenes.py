"""Pictures with rendered faces at known places: where eyes, nose and mouth are follows from the renderer."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unif2ace.synthetic import render, sample_face
from unif2ace.synthetic.canvas import _DEPTH_X, _DEPTH_Y, _HEIGHT, _WIDTH, PIVOT, Canvas
from unif2ace.synthetic.eyes import CENTRE_X, CENTRE_Y
from unif2ace.synthetic.head import make_head
from unif2ace.synthetic.parameters import Parameters
from unif2ace.synthetic.sampling import Face


def true_landmarks(face: Face, size: int) -> NDArray[np.float64]:
    """Eyes, nose and corners of the mouth of a rendered face, float64 (5, 2) in pixels from the top left corner."""
    head, n = make_head(Canvas(Parameters([face]), 32)), face.nuisance
    eye, mouth_x = CENTRE_X + 0.006 * n.body[10], float(head.mouth_width[0, 0, 0])
    mouth_y = float(head.mouth[0, 0, 0]) - 0.65 * float(head.lift[0, 0, 0])
    points = [
        (-eye, CENTRE_Y),
        (eye, CENTRE_Y),
        (0.0, float(head.tip[0, 0, 0])),
        (-mouth_x, mouth_y),
        (mouth_x, mouth_y),
    ]
    found = []
    for p, q in points:
        u, v = p, q
        for _ in range(30):  # the surface's shift depends on the place that it leads to
            depth = max(0.0, 1 - (u / _WIDTH) ** 2 - (v / _HEIGHT) ** 2) ** 0.5
            u, v = p + n.yaw * _DEPTH_X * depth, q + n.pitch * _DEPTH_Y * depth
        cos, sin = np.cos(n.roll), np.sin(n.roll)
        x = (u * cos - (v - PIVOT) * sin) * n.scale + n.dx
        y = (u * sin + (v - PIVOT) * cos + PIVOT) * n.scale + n.dy
        found.append(((x + 1) * size / 2, (y + 1) * size / 2))
    return np.array(found)


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture with faces: pixels uint8 (H, W, 3), and for each face its landmarks (5, 2) and its tilt in degrees."""

    pixels: NDArray[np.uint8]
    landmarks: list[NDArray[np.float64]]
    tilts: list[float]


def make_scene(seed: int, sides: list[int], tilts: list[float], width: int = 640, height: int = 480) -> Scene:
    """A picture of a textured wall with faces of these sides in pixels, tilted by these degrees, side by side."""
    draw = np.random.default_rng(seed)
    wall = Image.fromarray(draw.integers(60, 200, (6, 8, 3), dtype=np.uint8)).resize(
        (width, height), Image.Resampling.BICUBIC
    )
    truth = []
    for place, (side, tilt) in enumerate(zip(sides, tilts, strict=True)):
        face = sample_face(1000 * seed + place)
        drawn = min(max(side, 128), 256)
        portrait = Image.fromarray(render([face], drawn)[0]).resize((side, side), Image.Resampling.LANCZOS)
        turned = portrait.rotate(tilt, Image.Resampling.BICUBIC, expand=True)
        mask = Image.new("L", portrait.size, 255).rotate(tilt, expand=True)
        slot = width / len(sides)
        left = round(slot * (place + 0.5) - turned.width / 2 + draw.integers(-4, 5))
        top = round((height - turned.height) / 2 + draw.integers(-4, 5))
        wall.paste(turned, (left, top), mask)
        angle = -np.radians(tilt)  # Pillow turns counterclockwise, and y points down
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        centred = true_landmarks(face, side) - side / 2
        truth.append(centred @ turn.T + (left + turned.width / 2, top + turned.height / 2))
    return Scene(np.asarray(wall), truth, list(tilts))


FORMATS = (
    "jpg", "png", "webp", "bmp", "tiff", "gif", "rotated.jpg", "cmyk.tiff", "gray.png", "deep.png", "alpha.png",
    "palette.png", "animated.gif", "icc.jpg",
)  # fmt: skip


def encoded(pixels: NDArray[np.uint8], kind: str) -> tuple[bytes, str]:
    """The picture as a file of a kind of `FORMATS`, and the suffix of its name."""
    image, out, suffix = Image.fromarray(pixels), io.BytesIO(), kind.rpartition(".")[2]
    options: dict[str, object] = {"quality": 95} if suffix in ("jpg", "webp") else {}
    if kind == "rotated.jpg":  # stored lying on its side, with a tag that says so
        image = image.transpose(Image.Transpose.ROTATE_90)
        exif = Image.Exif()
        exif[0x0112] = 6
        options["exif"] = exif
    elif kind == "cmyk.tiff":
        image = image.convert("CMYK")
    elif kind == "gray.png":
        image = image.convert("L")
    elif kind == "deep.png":
        image = Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    elif kind == "alpha.png":
        image.putalpha(255)
    elif kind in ("palette.png", "gif"):
        image = image.quantize(256)
    elif kind == "animated.gif":
        options |= {"save_all": True, "append_images": [Image.new("RGB", image.size)], "duration": 100}
    elif kind == "icc.jpg":
        from PIL import ImageCms

        options["icc_profile"] = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image.save(out, {"jpg": "JPEG", "tiff": "TIFF"}.get(suffix, suffix.upper()), **options)
    return out.getvalue(), suffix
