"""An encoded picture of a report."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from unif2ace.report.escaping import escaped

ENDING = ".webp"


@dataclass(frozen=True, slots=True)
class EncodedPicture:
    """A picture encoded as WebP.

    Attributes:
        data: Content of the WebP file.
        width: Width in pixels.
        height: Height in pixels.
        title: Description of the picture.
    """

    data: bytes
    width: int
    height: int
    title: str

    def html(self) -> str:
        """An ``img`` element with the picture as a data URL."""
        encoded = base64.b64encode(self.data).decode("ascii")
        title = escaped(self.title)
        return (
            f'<img src="data:image/webp;base64,{encoded}" width="{self.width}" height="{self.height}" '
            f'alt="{title}" title="{title}" loading="lazy">'
        )
