"""Contact sheets hold every picture in its place, and each attribute of the taxonomy has its sheet."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unif2ace.attributes import TAXONOMY
from unif2ace.data.preview import Shown, face_grid, preview_source, text_sheet
from unif2ace.data.sources.synthetic import SyntheticSource
from unif2ace.errors import DataError


def test_a_grid_holds_the_pictures_in_rows():
    pictures = [np.full((8, 8, 3), 40 * n, np.uint8) for n in range(5)]
    grid = np.asarray(face_grid(pictures, columns=3))
    for number in range(5):
        row, column = divmod(number, 3)
        top, left = 4 + 12 * row, 4 + 12 * column
        assert (grid[top : top + 8, left : left + 8] == 40 * number).all()
    assert (grid[-8:, -8:] == 255).all(), "a place without a picture stays white"
    with pytest.raises(DataError, match="no face"):
        face_grid([], 3)


def test_text_beside_a_face_is_wrapped_within_the_sheet():
    question = ("What " * 60, "Nothing. " * 30)
    sheet = np.asarray(text_sheet([Shown(np.zeros((16, 16, 3), np.uint8), "word " * 200, (question,))]).convert("L"))
    assert (sheet < 128).any()
    assert (sheet[:, -8:] == 255).all(), "nothing runs over the edge"


def test_a_source_gives_sheets_of_every_attribute(tmp_path: Path):
    files = preview_source(SyntheticSource(num_samples=4000, size=32), tmp_path, count=4, columns=2, pairs=1)
    names = {str(file.relative_to(tmp_path)) for file in files}
    assert names == {"faces.png", "text.png", *(f"attributes/{name}.png" for name in TAXONOMY.fields)}
    for file in files:
        with Image.open(file) as image:
            assert len(image.convert("L").getcolors(256)) > 8, f"{file.name} shows nothing"
