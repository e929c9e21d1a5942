"""Sheets of generated faces and answers. Shapes: H x W pixels, S seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

PAPER, INK, FAINT, GOOD = (255, 255, 255), (32, 32, 36), (120, 120, 130), (38, 120, 70)
_GAP, _TEXT, _LINE = 8, 300, 18

Line = tuple[str, tuple[int, int, int]]


@dataclass(frozen=True, slots=True)
class Drawn:
    """Generated faces of one caption.

    Attributes:
        caption: The caption.
        true: uint8 (H, W, 3), the face that it describes.
        faces: uint8 (S, H, W, 3), the generated faces, seed 0 first.
    """

    caption: str
    true: NDArray[np.uint8]
    faces: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class SampleAnswer:
    """Questions and answers about one face.

    Attributes:
        image: uint8 (H, W, 3), the face.
        question: The question.
        answer: The model's answer.
        truth: The true answer.
        instruction: A second question; empty for none.
        said: The model's answer to `instruction`.
    """

    image: NDArray[np.uint8]
    question: str
    answer: str
    truth: str
    instruction: str = ""
    said: str = ""


def faces_sheet(drawn: Sequence[Drawn], scale: int = 2) -> Image.Image:
    """Captions at the left, then the true face, then the generated faces.

    Args:
        drawn: Captions with the same number of faces each.
        scale: Pixels of the sheet per pixel of a face.
    """
    rows = [([(d.caption, INK)], [d.true, *d.faces]) for d in drawn]
    names = ["truth, as tokens", *(f"seed {seed}" for seed in range(len(drawn[0].faces)))]
    return _sheet(rows, names, scale, apart=1)


def answers_sheet(answered: Sequence[SampleAnswer], scale: int = 2) -> Image.Image:
    """Faces at the left, questions and answers beside them.

    Args:
        answered: Questions and answers of each face.
        scale: Pixels of the sheet per pixel of a face.
    """
    return _sheet([(_lines(a), [a.image]) for a in answered], [], scale, text=640, text_first=False)


def as_table(answered: Sequence[SampleAnswer]) -> tuple[list[str], list[list[str | int]]]:
    """Columns and rows of questions, answers and truths."""
    rows: list[list[str | int]] = []
    for number, a in enumerate(answered):
        rows.append([number, a.question, a.answer, a.truth])
        if a.instruction:
            rows.append([number, a.instruction, a.said, ""])
    return ["face", "question", "model", "truth"], rows


def _lines(answered: SampleAnswer) -> list[Line]:
    asked = [(answered.question, FAINT), (answered.answer or "(nothing)", INK), (f"true: {answered.truth}", GOOD)]
    if answered.instruction:
        asked += [("", INK), (answered.instruction, FAINT), (answered.said or "(nothing)", INK)]
    return asked


def _sheet(
    rows: Sequence[tuple[Sequence[Line], Sequence[NDArray[np.uint8]]]],
    names: Sequence[str],
    scale: int,
    apart: int = 0,
    text: int = _TEXT,
    text_first: bool = True,
) -> Image.Image:
    """Rows of text and images uint8 (H, W, 3); a gap separates the first `apart` images from the others."""
    font = ImageFont.load_default(14)
    side = rows[0][1][0].shape[0] * scale
    wrapped = [[(part, ink) for line, ink in lines for part in _wrapped(line, font, text)] for lines, _ in rows]
    heights = [max(side, _LINE * len(lines)) + 2 * _GAP for lines in wrapped]
    count, head = len(rows[0][1]), _LINE + _GAP if names else 0
    width = 3 * _GAP + text + count * (side + _GAP) + (2 * _GAP if apart else 0)
    sheet = Image.new("RGB", (width, head + sum(heights) + _GAP), PAPER)
    pen = ImageDraw.Draw(sheet)
    left = [
        (2 * _GAP + text if text_first else _GAP) + n * (side + _GAP) + 2 * _GAP * (n >= apart > 0)
        for n in range(count)
    ]
    for place, name in zip(left, names, strict=False):
        pen.text((place, _GAP), name, FAINT, ImageFont.load_default(12))
    top = head + _GAP
    for lines, (_, pictures), height in zip(wrapped, rows, heights, strict=True):
        for number, (line, ink) in enumerate(lines):
            pen.text((_GAP if text_first else left[-1] + side + 2 * _GAP, top + number * _LINE), line, ink, font)
        for place, pixels in zip(left, pictures, strict=True):
            sheet.paste(Image.fromarray(pixels).resize((side, side), Image.Resampling.LANCZOS), (place, top))
        top += height
    return sheet


def _wrapped(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, room: float) -> list[str]:
    """Lines of at most `room` pixels; characters that the font may lack become question marks."""
    lines = [""]
    for word in text.encode("latin-1", "replace").decode("latin-1").split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= room or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
