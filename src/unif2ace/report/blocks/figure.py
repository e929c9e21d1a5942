"""A picture by itself."""

from __future__ import annotations

from dataclasses import dataclass

from unif2ace.report.assets import Assets
from unif2ace.report.blocks.base import Block
from unif2ace.report.escaping import escaped, markdown
from unif2ace.report.picture import ENDING, Picture


@dataclass(frozen=True, slots=True)
class Figure(Block):
    """A large picture with its title.

    Attributes:
        picture: The picture.
    """

    picture: Picture

    def html(self) -> str:
        """A ``figure`` element, whose picture scrolls where the page is narrow."""
        caption = f"<figcaption>{escaped(self.picture.title)}</figcaption>"
        return f'<figure>{caption}<div class="scroll">{self.picture.html()}</div></figure>'

    def markdown(self, assets: Assets) -> str:
        """The title, and the picture from a file."""
        title = markdown(self.picture.title)
        return f"{title}\n\n![{title}]({assets.add(self.picture.data, ENDING)})"
