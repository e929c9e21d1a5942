"""Files of the demo: every picture that the model made says so in its name and in its metadata."""

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
    """A temporary folder of pictures that are marked as generated. Files older than an hour are deleted.

    Args:
        checkpoint: Fingerprint of the model's weights, which every file names.
    """

    def __init__(self, checkpoint: str) -> None:
        self.folder, self._checkpoint = Path(tempfile.mkdtemp(prefix="unif2ace-demo-")), checkpoint

    def save(self, image: Image.Image, entries: Mapping[str, str], stem: str = "face") -> Path:
        """Writes a PNG whose text entries say that and how it was generated.

        Args:
            image: The picture.
            entries: Text entries besides ``generated``, ``software`` and ``checkpoint``.
            stem: First part of the file name.
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
