"""Encodes and decodes user images; draws image, tokens, reconstruction and difference on one sheet.

Shapes: S x S pixels, N = h w image tokens.
"""

from __future__ import annotations

import colorsys
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from unif2ace.data.images import Picture, as_images
from unif2ace.data.shards.images import SUFFIXES
from unif2ace.errors import ConfigError, DataError, nearest
from unif2ace.nets.tokenizer.base import TokenizerNet

log = logging.getLogger(__name__)

PAPER, INK, FAINT = (255, 255, 255), (32, 32, 36), (110, 110, 120)
TITLES = ("picture", "tokens", "reconstruction", "difference x4")
_GAP, _HEAD, _FOOT = 12, 28, 30
_PANEL = 320  # minimum side of a panel in pixels
_GOLDEN = 0.6180339887  # golden-ratio steps give neighbouring ids distant hues

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """An image, its tokens and its reconstruction.

    Attributes:
        picture: The input image.
        ids: Token ids, int64 (h, w).
        reconstruction: The decoded image, uint8 (S, S, 3).
        bits: Capacity of the tokens in bits, N log2(codes).
    """

    picture: Picture
    ids: NDArray[np.int64]
    reconstruction: Pixels
    bits: float

    @property
    def psnr(self) -> float:
        """Peak signal-to-noise ratio in dB, 10 log10(255^2 / mean squared difference); infinite for equal images."""
        difference = self.picture.pixels.astype(np.float64) - self.reconstruction
        error = float(np.mean(difference**2))
        return 10 * math.log10(255**2 / error) if error else math.inf


def find_pictures(place: str | Sequence[str], count: int) -> list[Path]:
    """Image files at one or several paths.

    Args:
        place: A file, several files as a list or separated by commas, or a folder.
        count: Maximum number of files taken from a folder, in order of name.

    Raises:
        DataError: If a file does not exist, or a folder holds no image.
    """
    if isinstance(place, str):
        place = [place] if Path(place).exists() else place.split(",")
    found: list[Path] = []
    for word in place:
        path = Path(word.strip())
        if path.is_dir():
            inside = sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))
            if not inside:
                raise DataError(f"{path}: the folder holds no picture ({', '.join(SUFFIXES)}); give another")
            if len(inside) > count:
                log.warning("%s: reads the first %d of %d pictures; set count=N for more", path, count, len(inside))
            found += inside[:count]
        elif path.is_file():
            found.append(path)
        else:
            beside = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
            raise DataError(f"{path} does not exist; give the path of a picture{nearest(path.name, beside)}")
    return found


def keep_inputs(files: Sequence[Path], out: Path) -> None:
    """Checks that the output file does not overwrite an input image.

    Raises:
        ConfigError: If `out` is one of `files`.
    """
    if out.exists() and any(out.samefile(file) for file in files if file.exists()):
        raise ConfigError(f"out={out} would overwrite an input picture; give another out=...")


def roundtrip(net: TokenizerNet, pictures: Sequence[Picture]) -> list[RoundTrip]:
    """Encodes images to tokens and decodes the tokens.

    Args:
        net: The tokenizer, in evaluation mode.
        pictures: Images of one size, uint8 (S, S, 3) each.

    Raises:
        DataError: If the images differ in size.
        ConfigError: If S is not a multiple of the tokenizer's downsampling factor.
    """
    if not pictures:
        return []
    size = len(pictures[0].pixels)
    if size % net.factor:
        raise ConfigError(f"size={size}: it must be a multiple of {net.factor}, the tokenizer's factor")
    ids = net.encode(as_images([p.pixels for p in pictures]))
    side = size // net.factor
    back = net.decode(ids, (side, side)).permute(0, 2, 3, 1).numpy()
    bits = side * side * math.log2(net.quantizer.num_codes)
    grids = ids.view(-1, side, side).numpy()
    return [RoundTrip(*row, bits) for row in zip(pictures, grids, back, strict=True)]


def draw_sheet(trips: Sequence[RoundTrip]) -> Image.Image:
    """Draws one row per image: image, tokens, reconstruction, difference (times 4)."""
    digits = max(len(str(int(trip.ids.max()))) for trip in trips)
    cells = trips[0].ids.shape[1]
    cell = max(7 * digits + 8, -(-_PANEL // cells))
    panel = cell * cells
    row = panel + _FOOT
    width = len(TITLES) * (panel + _GAP) + _GAP
    sheet = Image.new("RGB", (width, _HEAD + len(trips) * (row + _GAP)), PAPER)
    draw = ImageDraw.Draw(sheet)
    for column, title in enumerate(TITLES):
        draw.text((_GAP + column * (panel + _GAP), 6), title, FAINT, ImageFont.load_default(14))
    for number, trip in enumerate(trips):
        top = _HEAD + number * (row + _GAP)
        for column, image in enumerate(_panels(trip, cell, panel)):
            sheet.paste(image, (_GAP + column * (panel + _GAP), top))
        draw.text((_GAP, top + panel + 6), summary(trip), INK, ImageFont.load_default(14))
    return sheet


def summary(trip: RoundTrip) -> str:
    """One line about an image: name, PSNR, tokens, bits, crop and size."""
    height, width = trip.ids.shape
    used = len(np.unique(trip.ids))
    tokens = f"{height}x{width} tokens ({used} different), {trip.bits:,.0f} bits"
    return f"{trip.picture.name}: {trip.psnr:.2f} dB, {tokens}; {trip.picture.note}"


def _panels(trip: RoundTrip, cell: int, panel: int) -> list[Image.Image]:
    original, back = trip.picture.pixels, trip.reconstruction
    apart = np.abs(original.astype(np.int64) - back).max(axis=2)
    difference = np.repeat((255 - (4 * apart).clip(0, 255)).astype(np.uint8)[:, :, None], 3, axis=2)
    pictures = [_grown(pixels, panel) for pixels in (original, back, difference)]
    return [pictures[0], token_grid(trip.ids, cell), *pictures[1:]]


def _grown(pixels: Pixels, panel: int) -> Image.Image:
    return Image.fromarray(pixels).resize((panel, panel), Image.Resampling.LANCZOS)


def token_grid(ids: NDArray[np.int64], cell: int) -> Image.Image:
    """Draws token ids in coloured cells; equal ids have equal colours.

    Args:
        ids: Token ids, int64 (h, w).
        cell: Side of a cell in pixels.
    """
    height, width = ids.shape
    image = Image.new("RGB", (width * cell, height * cell), PAPER)
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(max(9, min(16, cell // 3)))
    for row, column in np.ndindex(height, width):
        token = int(ids[row, column])
        left, top = column * cell, row * cell
        draw.rectangle((left, top, left + cell - 2, top + cell - 2), _colour(token))
        draw.text((left + cell / 2, top + cell / 2), str(token), INK, font, anchor="mm")
    return image


def _colour(token: int) -> tuple[int, int, int]:
    """A light colour for a token."""
    hue, depth = (token * _GOLDEN) % 1, (token * _GOLDEN**2) % 1
    red, green, blue = colorsys.hls_to_rgb(hue, 0.72 + 0.14 * depth, 0.45 + 0.35 * depth)
    return round(255 * red), round(255 * green), round(255 * blue)
