"""Reads pictures for a report: smaller ones, each once, and together no more than a page can hold."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from unif2ace.data.shards.faults import SampleFault
from unif2ace.data.shards.images import decode_image
from unif2ace.report.encoded_picture import EncodedPicture

_FAULTS = (OSError, ValueError, SampleFault)
_SHEET = 20_000
"""Largest side of a picture that is read: sheets are larger than images of faces."""
_QUALITY = 88


class PictureReader:
    """Reads and encodes pictures.

    Args:
        max_bytes: Maximum size of all pictures together, encoded.

    Attributes:
        left_out: Number of pictures beyond this size.
        unreadable: Files that are not pictures.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.left_out = 0
        self.unreadable: list[str] = []
        self._used = 0
        self._encoded: dict[tuple[Path, int], tuple[bytes, tuple[int, int]]] = {}

    def read(self, path: Path, side: int, title: str = "") -> EncodedPicture | None:
        """A picture, no larger than `side`; None if it is missing, is not a picture, or does not fit.

        Args:
            path: The file.
            side: Maximum width and height in pixels.
            title: What it shows.
        """
        if (path, side) in self._encoded:
            data, size = self._encoded[path, side]
            return EncodedPicture(data, *size, title)
        try:
            data, size = _encode(path, side)
        except FileNotFoundError:
            return None
        except _FAULTS as error:
            self.unreadable.append(f"{path.name} is not a picture that can be read ({error})")
            return None
        if self._used + len(data) > self.max_bytes:
            self.left_out += 1
            return None
        self._used += len(data)
        self._encoded[path, side] = data, size
        return EncodedPicture(data, *size, title)


def _encode(path: Path, side: int) -> tuple[bytes, tuple[int, int]]:
    picture = Image.fromarray(decode_image(path.read_bytes(), max_side=_SHEET))
    if max(picture.size) > side:
        picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    data = io.BytesIO()
    picture.save(data, "WEBP", quality=_QUALITY, method=2)
    return data.getvalue(), picture.size
