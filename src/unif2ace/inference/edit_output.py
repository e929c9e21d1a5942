"""The output of `FacePipeline.edit`. Shapes: B results of S x S pixels."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from unif2ace.data.lettering import wrapped
from unif2ace.inference.generated import INK, PAPER
from unif2ace.inference.output import FacePipelineOutput
from unif2ace.language.instructions import Change

_TITLES = ("picture", "region", "edited (generated)")
_GAP, _HEAD, _LINE = 8, 26, 18
_MARK = np.array((224, 69, 123), np.float32)


@dataclass(frozen=True)
class EditOutput(FacePipelineOutput):
    """Edited faces.

    Attributes:
        originals: The pictures, cropped and resized to the model's input, uint8 (B, S, S, 3).
        masks: True for edited pixels, bool (B, S, S).
        shares: Share of the tokens sampled again for each face, 0 to 1.
        changes: Descriptions of each face before and after the edit.
        notes: One line per edit: the understood instruction, and whether the model confirms the change.
    """

    originals: NDArray[np.uint8] = field(default_factory=lambda: np.zeros((0, 1, 1, 3), np.uint8))
    masks: NDArray[np.bool_] = field(default_factory=lambda: np.zeros((0, 1, 1), np.bool_))
    shares: tuple[float, ...] = ()
    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def pictures(self) -> list[Image.Image]:
        """The pictures, cropped and resized to the model's input."""
        return [Image.fromarray(pixels) for pixels in self.originals]

    @property
    def regions(self) -> list[Image.Image]:
        """The pictures with the edited region tinted."""
        tint = np.where(self.masks[..., None], 0.45 * self.originals + 0.55 * _MARK, self.originals)
        return [Image.fromarray(pixels) for pixels in tint.round().astype(np.uint8)]

    def sheet(self, scale: int = 4) -> Image.Image:
        """A contact sheet with one row per result: picture, region, edited face, and the note below.

        Args:
            scale: Sheet pixels per image pixel along each side.
        """
        side = self.originals.shape[1] * scale
        width = len(_TITLES) * (side + _GAP) + _GAP
        font, small = ImageFont.load_default(15), ImageFont.load_default(13)
        notes = [wrapped(note, small, width - 2 * _GAP) for note in self.notes]
        heights = [side + 2 * _GAP + _LINE * len(lines) for lines in notes]
        sheet = Image.new("RGB", (width, _HEAD + sum(heights) + _GAP), PAPER)
        draw, top = ImageDraw.Draw(sheet), _HEAD
        for column, title in enumerate(_TITLES):
            draw.text((_GAP + column * (side + _GAP), 5), title, INK, font)
        for row, lines, height in zip(
            zip(self.pictures, self.regions, self.images, strict=True), notes, heights, strict=True
        ):
            for column, image in enumerate(row):
                grown = image.resize((side, side), Image.Resampling.NEAREST)
                sheet.paste(grown, (_GAP + column * (side + _GAP), top))
            for number, line in enumerate(lines):
                draw.text((_GAP, top + side + 4 + number * _LINE), line, INK, small)
            top += height
        return sheet
