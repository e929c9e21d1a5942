"""Reads pictures for a report: downscales them, caches them, and limits their total size."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from unif2ace.data.shards.faults import SampleFault
from unif2ace.data.shards.images import decode_image
from unif2ace.report.encoded_picture import EncodedPicture

_FAULTS = (OSError, ValueError, SampleFault)
_SHEET = 20_000
"""Maximum side in pixels of a picture file. Contact sheets may be this large."""
_QUALITY = 88


class PictureReader:
    """Reads and encodes pictures.

    Args:
        max_bytes: Maximum total size of all encoded pictures in bytes.

    Attributes:
        left_out: Number of pictures left out because of `max_bytes`.
        unreadable: One message for each file that is not a readable picture.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.left_out = 0
        self.unreadable: list[str] = []
        self._used = 0
        self._encoded: dict[tuple[Path, int], tuple[bytes, tuple[int, int]]] = {}

    def read(self, path: Path, side: int, title: str = "") -> EncodedPicture | None:
        """Reads a picture and downscales it to at most `side` pixels.

        The result is None if the file is missing or not a picture, or if `max_bytes` would be exceeded.

        Args:
            path: The file.
            side: Maximum width and height in pixels.
            title: Description of the picture.
        """
        if (path, side) in self._encoded:
            data, size = self._encoded[path, side]
            return EncodedPicture(data, *size, title)
        try:
            data, size = _encode(path, side)
        except FileNotFoundError:
            return None
        except _FAULTS as error:
            self.unreadable.append(f"{path.name} is not a readable picture ({error})")
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
