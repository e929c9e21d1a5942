"""Contact sheets as PNG: faces in a grid, faces beside their text, and faces with and without each attribute."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from unif2ace.attributes import TAXONOMY, Field
from unif2ace.data.lettering import wrapped
from unif2ace.data.shards import Progress, SampleFault, ShardReader, decode_image
from unif2ace.data.sources.base import EncodedImage, Source, read_items
from unif2ace.data.sources.synthetic import SyntheticSource
from unif2ace.errors import DataError
from unif2ace.language import ask_questions, write_caption
from unif2ace.synthetic import Face, render

log = logging.getLogger(__name__)

PAPER, INK, FAINT = (255, 255, 255), (32, 32, 36), (110, 110, 120)
_GAP = 4
_TEXT_ROWS = 6  # faces shown beside their text
_QUESTIONS = 4
_IN_THE_WAY = ("hat", "mask", "sunglasses", "eyeglasses", "bangs", "eyes_closed", "make_a_face")

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Shown:
    """One face on a sheet: pixels uint8 (H, W, 3), its caption, and (question, answer) pairs."""

    pixels: Pixels
    caption: str = ""
    questions: tuple[tuple[str, str], ...] = ()


def preview_shards(folder: str | Path, out: str | Path, count: int = 40, columns: int = 8, seed: int = 0) -> list[Path]:
    """Writes contact sheets ``faces.png`` and ``text.png`` with random samples of a shard folder.

    Returns:
        The files.
    """
    reader = ShardReader(folder)
    draw = np.random.default_rng(seed)
    chosen = draw.choice(len(reader), size=min(count, len(reader)), replace=False)
    shown = []
    for sample in (reader.decoded(int(i)) for i in chosen):
        questions = tuple((q.question, q.answer) for q in sample.metadata.qa)
        shown.append(Shown(sample.image, sample.metadata.caption or "", questions))
    return _write(shown, Path(out), columns)


def preview_source(
    source: Source,
    out: str | Path,
    count: int = 40,
    columns: int = 8,
    pairs: int = 6,
    seed: int = 0,
    progress: Progress | None = None,
) -> list[Path]:
    """Writes ``faces.png`` and ``text.png`` of a source. Synthetic sources also get ``attributes/NAME.png``.

    Args:
        source: Source of the images.
        out: Output folder.
        count: Maximum number of faces in the grid.
        columns: Faces per row.
        pairs: Number of persons on each attribute's sheet; 0 for no attribute sheets.
        seed: Seed of the random choice of faces.
        progress: Called after each attribute sheet.

    Returns:
        The files.
    """
    chosen = np.random.default_rng(seed).choice(len(source), size=min(count, len(source)), replace=False).tolist()
    shown = []
    for index, item in zip(chosen, read_items(source, chosen), strict=True):
        if isinstance(item, SampleFault):
            log.warning("left out of the preview (%s): %s", item.cause, item)
            continue
        image = (
            decode_image(item.image.data, item.image.extension) if isinstance(item.image, EncodedImage) else item.image
        )
        asked = item.questions or ask_questions(item.record, index)
        questions = tuple((q.question, q.answer) for q in asked)
        shown.append(Shown(image, item.captions[0] if item.captions else write_caption(item.record, index), questions))
    if not shown:
        raise DataError(f"none of the {len(chosen)} chosen pictures can be read; fix the faults listed above")
    files = _write(shown, Path(out), columns)
    if isinstance(source, SyntheticSource) and pairs:
        files += _attribute_sheets(source, Path(out) / "attributes", pairs, progress)
    return files


def _write(shown: Sequence[Shown], out: Path, columns: int) -> list[Path]:
    out.mkdir(parents=True, exist_ok=True)
    sheets = {"faces.png": face_grid([s.pixels for s in shown], columns), "text.png": text_sheet(shown[:_TEXT_ROWS])}
    for name, sheet in sheets.items():
        sheet.save(out / name)
    return [out / name for name in sheets]


def face_grid(images: Sequence[Pixels], columns: int) -> Image.Image:
    """Faces uint8 (H, W, 3) in a grid of `columns` per row; each cell has the size of the largest face.

    Raises:
        DataError: If there is no face.
    """
    if not images:
        raise DataError("no face is given: a sheet needs at least one")
    height, width = max(i.shape[0] for i in images), max(i.shape[1] for i in images)
    rows = -(-len(images) // columns)
    sheet = Image.new("RGB", (columns * (width + _GAP) + _GAP, rows * (height + _GAP) + _GAP), PAPER)
    for place, image in enumerate(images):
        row, column = divmod(place, columns)
        sheet.paste(Image.fromarray(image), (_GAP + column * (width + _GAP), _GAP + row * (height + _GAP)))
    return sheet


def text_sheet(shown: Sequence[Shown], side: int = 192, width: int = 1100) -> Image.Image:
    """Draws each face beside its caption and its first four questions with answers."""
    font, room = ImageFont.load_default(15), width - side - 48
    blocks: list[tuple[Image.Image, list[tuple[str, tuple[int, int, int]]]]] = []
    for one in shown:
        lines = [(line, INK) for line in wrapped(one.caption, font, room)]
        for question, answer in one.questions[:_QUESTIONS]:
            lines += [(line, FAINT) for line in wrapped(f"{question}  {answer}", font, room)]
        blocks.append((Image.fromarray(one.pixels).resize((side, side), Image.Resampling.LANCZOS), lines))
    heights = [max(side, 20 * len(lines) + 8) + 16 for _, lines in blocks]
    sheet = Image.new("RGB", (width, sum(heights) + 16), PAPER)
    draw, top = ImageDraw.Draw(sheet), 16
    for (picture, lines), height in zip(blocks, heights, strict=True):
        sheet.paste(picture, (16, top))
        for number, (line, colour) in enumerate(lines):
            draw.text((side + 32, top + 20 * number), line, colour, font)
        top += height
    return sheet


def _attribute_sheets(source: SyntheticSource, out: Path, pairs: int, progress: Progress | None) -> list[Path]:
    out.mkdir(parents=True, exist_ok=True)
    files = []
    fields = list(TAXONOMY.fields.values())
    for done, field in enumerate(fields, start=1):
        images = [image for faces in _comparisons(source, field, pairs) for image in render(faces, source.size)]
        names = [str(v) if field.choices else ("with" if v else "without") for v in field.values]
        _titled(face_grid(images, len(names)), field.name.replace("_", " "), names).save(out / f"{field.name}.png")
        files.append(out / f"{field.name}.png")
        if progress:
            progress(done, len(fields), "attribute sheets")
    return files


def _comparisons(source: SyntheticSource, field: Field, pairs: int) -> list[list[Face]]:
    """One row per person: the person with each value of the field. Persons who hide a value are left out."""
    given: dict[str, str | bool] = {name: False for name in _IN_THE_WAY if name != field.name}
    if field.requires:
        given[field.requires] = True
    rows: list[list[Face]] = []
    for index in range(0, len(source), source.pictures_per_person):
        faces = [source.face(index).replace(**{**given, field.name: value}) for value in field.values]
        if all(face.record[field.name] == value for face, value in zip(faces, field.values, strict=True)):
            rows.append(faces)
        if len(rows) == pairs:
            break
    return rows


def _titled(sheet: Image.Image, title: str, names: Sequence[str]) -> Image.Image:
    head = 44
    titled = Image.new("RGB", (max(sheet.width, 9 * len(title) + 16), sheet.height + head), PAPER)
    titled.paste(sheet, (0, head))
    draw = ImageDraw.Draw(titled)
    draw.text((_GAP, 2), title, INK, ImageFont.load_default(16))
    for number, name in enumerate(names):
        draw.text((_GAP + number * sheet.width / len(names), 24), name, FAINT, ImageFont.load_default(12))
    return titled
