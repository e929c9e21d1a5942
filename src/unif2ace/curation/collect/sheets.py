"""Contact sheets of the faces that `collect` kept and refused, cut from the pictures at the journalled squares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from unif2ace.curation.collect.collect import cut_face
from unif2ace.curation.collect.duplicates import read_duplicates
from unif2ace.curation.collect.pictures import FoundPicture
from unif2ace.curation.journal import read_journal
from unif2ace.curation.report import JOURNALS
from unif2ace.curation.step import KEPT
from unif2ace.data.shards import SampleFault, ShardReader, decode_image, has_index
from unif2ace.data.shards.images import MAX_SOURCE_PIXELS

_SIDE, _GAP, _LINE, _COLUMNS = 112, 4, 14, 8
_PER_SHEET: Final = 40
PAPER, INK = (255, 255, 255), (32, 32, 36)


def draw_sheets(folder: Path, splits: Sequence[str], pictures: Mapping[str, FoundPicture]) -> list[Path]:
    """Writes ``sheets/OUTCOME.png`` for each outcome with at least one readable picture.

    Args:
        folder: Output folder of `collect`.
        splits: Names of the splits.
        pictures: All pictures by key.

    Returns:
        The written files.
    """
    cells: dict[str, list[tuple[Image.Image, str]]] = {}
    for outcome, picture, square, text in _examples(folder, splits, pictures):
        row = cells.setdefault(outcome, [])
        if len(row) < _PER_SHEET and (image := _shown(picture, square)):
            row.append((image, text))
    for split in splits:
        cells.setdefault("duplicate", []).extend(_pairs(folder / split, pictures))
    out = folder / "sheets"
    out.mkdir(exist_ok=True)
    written = []
    for outcome, row in cells.items():
        if row:
            _sheet(row[:_PER_SHEET]).save(out / f"{outcome}.png")
            written.append(out / f"{outcome}.png")
    return written


def _examples(
    folder: Path, splits: Sequence[str], pictures: Mapping[str, FoundPicture]
) -> Iterator[tuple[str, FoundPicture, list[list[float]] | None, str]]:
    """Yields (outcome, picture, square, text) of each face; the square is None for a picture without a face."""
    for split in splits:
        for path in sorted((folder / split).glob(JOURNALS)):
            for key, result, _ in read_journal(path):
                picture = pictures[key]
                faces = result.notes.get("faces")
                if not faces:
                    yield result.outcome, picture, None, picture.name
                for face in faces or ():
                    value = face["measures"].get(face["outcome"])
                    text = picture.name if value is None else f"{value:.3g}"
                    yield face["outcome"], picture, face["square"], "" if face["outcome"] == KEPT else text


def _pairs(split: Path, pictures: Mapping[str, FoundPicture]) -> Iterator[tuple[Image.Image, str]]:
    """Yields each removed near-duplicate followed by its kept face, if the kept face is in the same split."""
    lines = read_duplicates(split)[: _PER_SHEET // 2]
    if not lines or not has_index(split):
        return
    reader = ShardReader(split)
    places = {key: index for index, key in enumerate(reader.keys())}
    noted = _squares(split, {line["key"] for line in lines})
    for line in lines:
        removed = _shown(*noted[line["key"]](pictures)) if line["key"] in noted else None
        if removed and line["other"] in places:
            yield removed, f"removed, {line['bits']} bits"
            yield _thumbnail(Image.fromarray(reader.image(places[line["other"]]))), "kept"


def _squares(split: Path, wanted: set[str]) -> dict[str, Any]:
    """By key of a removed face: a function that maps all pictures to the face's (picture, square)."""
    found: dict[str, Any] = {}
    for path in sorted(split.glob(JOURNALS)):
        for key, result, _ in read_journal(path):
            for place, face in enumerate(result.notes.get("faces", ()), start=1):
                for name in {key, f"{key}-f{place}"} & wanted:
                    found[name] = lambda pictures, key=key, face=face: (pictures[key], face["square"])
    return found


def _shown(picture: FoundPicture, square: list[list[float]] | None) -> Image.Image | None:
    """The face in the square, or the whole picture without a square; None if the picture cannot be read."""
    try:
        pixels = decode_image(picture.file.read(), max_side=None, max_pixels=MAX_SOURCE_PIXELS)
    except SampleFault:
        return None
    if square is None:
        return _thumbnail(Image.fromarray(pixels))
    return Image.fromarray(cut_face(pixels, np.array(square, np.float64), _SIDE))


def _thumbnail(image: Image.Image) -> Image.Image:
    image.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    return image


def _sheet(cells: Sequence[tuple[Image.Image, str]]) -> Image.Image:
    rows, step = -(-len(cells) // _COLUMNS), _SIDE + _LINE + _GAP
    sheet = Image.new("RGB", (_COLUMNS * (_SIDE + _GAP) + _GAP, rows * step + _GAP), PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(11)
    for number, (image, text) in enumerate(cells):
        row, column = divmod(number, _COLUMNS)
        left, top = _GAP + column * (_SIDE + _GAP), _GAP + row * step
        sheet.paste(image, (left, top))
        shown = text.encode("latin-1", "replace").decode("latin-1")[-18:]
        draw.text((left, top + _SIDE), shown, INK, font)
    return sheet
