"""The picture and chart files that a Markdown report refers to."""

from __future__ import annotations

import hashlib
from pathlib import Path

from unif2ace.data.atomic import replacing


class Assets:
    """Collects files, and writes them into a folder beside the report.

    Args:
        folder: Folder of the files, beside the report.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files: dict[str, bytes] = {}

    def add(self, data: bytes, ending: str) -> str:
        """Adds a file, and returns its path relative to the report.

        Args:
            data: Content of the file. Its hash is the file's name.
            ending: Ending of the file's name, such as ``.svg``.
        """
        name = hashlib.sha256(data).hexdigest()[:16] + ending
        self._files[name] = data
        return f"{self.folder.name}/{name}"

    def write(self) -> None:
        """Writes all added files, and removes the files of an earlier report."""
        if not self._files and not self.folder.is_dir():
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, data in self._files.items():
            if not (self.folder / name).is_file():
                with replacing(self.folder / name) as file:
                    file.write(data)
        for path in self.folder.iterdir():
            if path.suffix in (".svg", ".webp") and path.name not in self._files:
                path.unlink()
