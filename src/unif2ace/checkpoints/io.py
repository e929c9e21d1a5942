"""How Lightning's strategies of whole copies (one process, DDP) write and read checkpoints."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from lightning.fabric.plugins.io.checkpoint_io import CheckpointIO

from unif2ace.checkpoints.reading import read
from unif2ace.checkpoints.single import save_single
from unif2ace.checkpoints.writing import remove


class FolderIO(CheckpointIO):
    """One directory for each step; reads also sharded ones and old single files, never anything that could run."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: Any = None
    ) -> None:
        """Writes a directory; the first process calls it."""
        save_single(checkpoint, Path(path))

    def load_checkpoint(
        self, path: str | os.PathLike[str], map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Reads plain values and tensors onto the CPU, whatever `weights_only` says."""
        return read(Path(path))

    def remove_checkpoint(self, path: str | os.PathLike[str]) -> None:
        """Removes a directory."""
        remove(Path(path))
