"""A block with a picture beside another block."""

from __future__ import annotations

from dataclasses import dataclass

from unif2ace.report.assets import Assets
from unif2ace.report.blocks.base import ReportBlock
from unif2ace.report.encoded_picture import ENDING, EncodedPicture
from unif2ace.report.escaping import markdown


@dataclass(frozen=True, slots=True)
class Beside(ReportBlock):
    """A picture, and a block about it.

    Attributes:
        picture: The picture; None if it cannot be shown.
        block: The block beside the picture.
    """

    picture: EncodedPicture | None
    block: ReportBlock

    def html(self) -> str:
        """Picture and block side by side; on a narrow page the picture is above the block."""
        shown = self.picture.html() if self.picture else ""
        return f'<div class="beside"><div>{shown}</div><div>{self.block.html()}</div></div>'

    def markdown(self, assets: Assets) -> str:
        """The picture above the block."""
        shown = (
            f"![{markdown(self.picture.title)}]({assets.add(self.picture.data, ENDING)})\n\n" if self.picture else ""
        )
        return shown + self.block.markdown(assets)
