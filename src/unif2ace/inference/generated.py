"""Saves generated faces as PNG files with metadata, and draws sheets of faces with their prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from unif2ace.data.lettering import wrapped

PAPER, INK = (255, 255, 255), (32, 32, 36)
_GAP, _TEXT_WIDTH, _LINE = 8, 340, 21


@dataclass(frozen=True, slots=True)
class Generated:
    """A generated face.

    Attributes:
        pixels: RGB image, uint8 (H, W, 3).
        prompt: Prompt of the face.
        seed: Seed of the face.
    """

    pixels: NDArray[np.uint8]
    prompt: str
    seed: int


def face_file(folder: Path, number: int, seed: int) -> Path:
    """Path of the PNG file for face number `number` of a call, sampled with `seed`."""
    return folder / f"{number:03d}-seed{seed}.png"


def save_faces(
    faces: Sequence[Generated], folder: Path, checkpoint: str, how: Mapping[str, str] | None = None
) -> list[Path]:
    """Writes each face as a PNG whose text entries record how it was generated.

    Args:
        faces: The faces.
        folder: Output folder.
        checkpoint: Fingerprint of the model's weights.
        how: Further settings needed to reproduce the faces, by name.

    Returns:
        The written files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for number, face in enumerate(faces):
        path = face_file(folder, number, face.seed)
        Image.fromarray(face.pixels).save(path, pnginfo=png_info(face, checkpoint, how))
        files.append(path)
    return files


def png_info(face: Generated, checkpoint: str, how: Mapping[str, str] | None = None) -> PngInfo:
    """The text entries of a face's PNG file. They mark the face as generated and record prompt, seed and settings."""
    info = PngInfo()
    entries = {"generated": "yes", "software": "unif2ace", "prompt": face.prompt, "seed": str(face.seed)}
    for key, value in {**entries, "checkpoint": checkpoint, **(how or {})}.items():
        info.add_itxt(key, value)
    return info


def draw_sheet(faces: Sequence[Generated], per_prompt: int, scale: int = 4) -> Image.Image:
    """A sheet with one row per prompt: the prompt at the left, its faces at the right.

    Args:
        faces: The faces. The faces of one prompt are consecutive.
        per_prompt: Number of faces per prompt.
        scale: Sheet pixels per image pixel along each side.
    """
    font = ImageFont.load_default(15)
    side = faces[0].pixels.shape[0] * scale
    rows = [faces[first : first + per_prompt] for first in range(0, len(faces), per_prompt)]
    texts = [wrapped(row[0].prompt, font, _TEXT_WIDTH - 3 * _GAP) for row in rows]
    heights = [max(side, _LINE * len(lines)) + 2 * _GAP for lines in texts]
    sheet = Image.new("RGB", (_TEXT_WIDTH + per_prompt * (side + _GAP) + 2 * _GAP, sum(heights) + _GAP), PAPER)
    draw, top = ImageDraw.Draw(sheet), _GAP
    for row, lines, height in zip(rows, texts, heights, strict=True):
        for number, line in enumerate(lines):
            draw.text((2 * _GAP, top + number * _LINE), line, INK, font)
        for place, face in enumerate(row):
            grown = Image.fromarray(face.pixels).resize((side, side), Image.Resampling.LANCZOS)
            sheet.paste(grown, (_TEXT_WIDTH + _GAP + place * (side + _GAP), top))
        top += height
    return sheet
