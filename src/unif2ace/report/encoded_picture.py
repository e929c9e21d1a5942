"""A picture of a report, encoded."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from unif2ace.report.escaping import escaped

ENDING = ".webp"


@dataclass(frozen=True, slots=True)
class EncodedPicture:
    """A picture.

    Attributes:
        data: The file as WebP.
        width: Width in pixels.
        height: Height in pixels.
        title: What it shows.
    """

    data: bytes
    width: int
    height: int
    title: str

    def html(self) -> str:
        """An image element that holds the file itself."""
        encoded = base64.b64encode(self.data).decode("ascii")
        title = escaped(self.title)
        return (
            f'<img src="data:image/webp;base64,{encoded}" width="{self.width}" height="{self.height}" '
            f'alt="{title}" title="{title}" loading="lazy">'
        )
