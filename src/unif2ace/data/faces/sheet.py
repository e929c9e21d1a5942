"""Sheets to look at: pictures in a grid, and one attribute with and without on the same persons."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count as integers

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from unif2ace.data.attributes import TAXONOMY
from unif2ace.data.faces.render import render
from unif2ace.data.faces.sampling import Face, sample_face
from unif2ace.errors import DataError

_TITLE = 16  # pixels above a picture with a caption


def contact_sheet(
    images: Sequence[NDArray[np.uint8]], columns: int, captions: Sequence[str] | None = None
) -> NDArray[np.uint8]:
    """Pictures of one size in rows, each under its caption if there are any.

    Args:
        images: uint8 (H, W, 3) each.
        columns: Pictures in a row.
        captions: One for each picture.

    Returns:
        uint8 (H', W', 3); places that no picture fills are white.

    Raises:
        DataError: If there is no picture.
    """
    if not len(images) or columns < 1:
        raise DataError(f"{len(images)} pictures in {columns} columns; give at least one of both")
    height, width, _ = images[0].shape
    head = _TITLE if captions else 0
    rows = -(-len(images) // columns)
    sheet = Image.new("RGB", (columns * width, rows * (height + head)), (255, 255, 255))
    draw = ImageDraw.Draw(sheet)
    for place, image in enumerate(images):
        x, y = place % columns * width, place // columns * (height + head)
        sheet.paste(Image.fromarray(image), (x, y + head))
        if captions:
            draw.text((x + 2, y + 1), captions[place], (32, 32, 36), ImageFont.load_default(11))
    return np.asarray(sheet)


def paired_faces(field: str, value: str | bool, count: int) -> list[tuple[Face, Face]]:
    """Faces that show a value, each with the same picture without it.

    Raises:
        DataError: If the field or its value is unknown.
    """
    TAXONOMY.check(field, value)
    other = next(v for v in reversed(TAXONOMY.fields[field].values) if v != value)
    pairs: list[tuple[Face, Face]] = []
    for seed in integers():
        face = sample_face(seed)
        if face.record[field] == value:
            pairs.append((face, face.replace(**{field: other})))
        if len(pairs) == count:
            return pairs
    raise AssertionError


def attribute_pairs(field: str, value: str | bool, count: int, size: int) -> NDArray[np.uint8]:
    """A row of pictures (size, 2 * count * size, 3): with an attribute, without, with, without ...

    Raises:
        DataError: If the field or its value is unknown.
    """
    faces = [face for pair in paired_faces(field, value, count) for face in pair]
    return contact_sheet(list(render(faces, size)), len(faces))
