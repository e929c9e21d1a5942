"""Reference pictures of distribution metrics: a folder of pictures, a shard folder, or the evaluation set's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from unif2ace.errors import DataError
from unif2ace.evaluation.outputs import SUFFIXES, read_picture

if TYPE_CHECKING:
    from torch import Tensor

    from unif2ace.evaluation.eval_set import EvalSet


class RealPictures:
    """N pictures, uint8 (3, H, W) each, read one by one.

    Args:
        folder: Folder of pictures (searched recursively) or shard folder; None for the pictures of `eval_set`.
        eval_set: The evaluation set.

    Attributes:
        name: Name of the folder, or "the evaluation set"; reported with the metrics.
        own: Whether these are the pictures of the evaluation set.

    Raises:
        DataError: If the folder holds no pictures.
    """

    def __init__(self, folder: str | Path | None, eval_set: EvalSet) -> None:
        from unif2ace.data.shards import ShardReader, has_index

        self._images = eval_set.images if folder is None else None
        self._reader = ShardReader(folder) if folder is not None and has_index(folder) else None
        self._files: list[Path] = []
        if folder is not None and self._reader is None:
            self._files = sorted(path for path in Path(folder).rglob("*") if path.suffix.lower() in SUFFIXES)
            if not self._files:
                suffixes = ", ".join(SUFFIXES)
                raise DataError(f"real={folder}: no pictures ({suffixes}) and no shards; give another folder")
        self.own = folder is None
        self.name = "the evaluation set" if folder is None else Path(folder).name

    def __len__(self) -> int:
        if self._images is not None:
            return len(self._images)
        return len(self._reader if self._reader is not None else self._files)

    def __iter__(self) -> Iterator[Tensor]:
        import torch

        if self._images is not None:
            yield from self._images
        elif self._reader is not None:
            for number in range(len(self._reader)):
                yield torch.from_numpy(self._reader.image(number)).permute(2, 0, 1)
        else:
            yield from map(read_picture, self._files)
