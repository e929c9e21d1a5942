"""Checkpoint IO of Lightning's strategies without sharding (one process, DDP)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from lightning.fabric.plugins.io.checkpoint_io import CheckpointIO

from unif2ace.checkpoints.reading import read
from unif2ace.checkpoints.single import save_single
from unif2ace.checkpoints.writing import remove


class FolderIO(CheckpointIO):
    """One directory for each step; also reads sharded checkpoints and old single files, never anything executable."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: Any = None
    ) -> None:
        """Writes a directory; the first process calls it."""
        save_single(checkpoint, Path(path))

    def load_checkpoint(
        self, path: str | os.PathLike[str], map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Reads plain values and tensors onto the CPU; `weights_only` is ignored."""
        return read(Path(path))

    def remove_checkpoint(self, path: str | os.PathLike[str]) -> None:
        """Removes a directory."""
        remove(Path(path))
