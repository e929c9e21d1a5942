"""Image files of the demo page, marked as generated in their names and metadata."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

from PIL import Image
from PIL.PngImagePlugin import PngInfo

_KEPT_SECONDS = 3600


class MarkedFiles:
    """A temporary folder of images that are marked as generated. Files older than one hour are deleted.

    Args:
        checkpoint: Fingerprint of the model's weights, written to the metadata of every file.
    """

    def __init__(self, checkpoint: str) -> None:
        self.folder, self._checkpoint = Path(tempfile.mkdtemp(prefix="unif2ace-demo-")), checkpoint

    def save(self, image: Image.Image, entries: Mapping[str, str], stem: str = "face") -> Path:
        """Writes an image as a PNG file with metadata, and returns its path.

        Args:
            image: The image.
            entries: Text entries of the metadata, besides ``generated``, ``software`` and ``checkpoint``.
            stem: Word in the file name ``generated-STEM-ID.png``.
        """
        self._forget()
        info = PngInfo()
        always = {"generated": "yes", "software": "unif2ace", "checkpoint": self._checkpoint}
        for name, value in {**always, **entries}.items():
            info.add_itxt(name, value)
        path = self.folder / f"generated-{stem}-{uuid4().hex[:8]}.png"
        image.save(path, pnginfo=info)
        return path

    def close(self) -> None:
        """Deletes the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _forget(self) -> None:
        for path in self.folder.glob("*.png"):
            if path.stat().st_mtime < time.time() - _KEPT_SECONDS:
                path.unlink(missing_ok=True)
