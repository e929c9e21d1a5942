"""Lightning's checkpoint IO for strategies without sharding (one process, or DDP)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from lightning.fabric.plugins.io.checkpoint_io import CheckpointIO

from unif2ace.checkpoints.reading import read
from unif2ace.checkpoints.single import save_single
from unif2ace.checkpoints.writing import remove


class FolderIO(CheckpointIO):
    """Writes one directory per step. Also reads sharded checkpoints and old files ``*.ckpt``; never executes code."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: Any = None
    ) -> None:
        """Writes a checkpoint directory. Only rank 0 calls this method."""
        save_single(checkpoint, Path(path))

    def load_checkpoint(
        self, path: str | os.PathLike[str], map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Reads a checkpoint onto the CPU. `map_location` and `weights_only` are ignored."""
        return read(Path(path))

    def remove_checkpoint(self, path: str | os.PathLike[str]) -> None:
        """Removes a checkpoint directory."""
        remove(Path(path))
