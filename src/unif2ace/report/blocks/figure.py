"""A block with one large picture."""

from __future__ import annotations

from dataclasses import dataclass

from unif2ace.report.assets import Assets
from unif2ace.report.blocks.base import ReportBlock
from unif2ace.report.encoded_picture import ENDING, EncodedPicture
from unif2ace.report.escaping import escaped, markdown


@dataclass(frozen=True, slots=True)
class Figure(ReportBlock):
    """A large picture with its title.

    Attributes:
        picture: The picture.
    """

    picture: EncodedPicture

    def html(self) -> str:
        """A ``figure`` element. On a narrow page the picture scrolls."""
        caption = f"<figcaption>{escaped(self.picture.title)}</figcaption>"
        return f'<figure>{caption}<div class="scroll">{self.picture.html()}</div></figure>'

    def markdown(self, assets: Assets) -> str:
        """The title, and the picture as an image file."""
        title = markdown(self.picture.title)
        return f"{title}\n\n![{title}]({assets.add(self.picture.data, ENDING)})"
