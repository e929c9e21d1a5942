"""Reads the files of `torch.distributed.checkpoint` (DCP) without executing code from them.

DCP stores its file ``.metadata`` and all values that are not tensors as pickles, and PyTorch unpickles them without
restrictions. This module allows only the classes that DCP metadata needs, and reads values with ``weights_only``.
Nevertheless, load sharded checkpoints only from sources that you trust. To share weights, use release folders and
``weights.safetensors``.
"""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import torch
from torch.distributed.checkpoint.default_planner import DefaultLoadPlanner, _EmptyStateDictLoadPlanner
from torch.distributed.checkpoint.filesystem import FileSystemReader
from torch.distributed.checkpoint.metadata import Metadata, StorageMeta
from torch.distributed.checkpoint.planner import ReadItem
from torch.distributed.checkpoint.state_dict_loader import _load_state_dict

from unif2ace.checkpoints.together import one_cause
from unif2ace.errors import DataError

CONTENTS = ".metadata"
_PLAIN = {
    ("torch", "Size"),
    ("torch.serialization", "_get_layout"),
    ("collections", "OrderedDict"),
    ("pathlib", "PosixPath"),
    ("pathlib._local", "PosixPath"),
}
_OWN = ("torch.distributed.checkpoint.metadata", "torch.distributed.checkpoint.filesystem")


class _Contents(pickle.Unpickler):
    """Unpickles DCP metadata: allows only the classes that the metadata needs, and no functions."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _PLAIN:
            return super().find_class(module, name)
        if module in _OWN and "." not in name:
            found = super().find_class(module, name)
            if isinstance(found, type) and found.__module__ == module and not issubclass(found, FileSystemReader):
                return found
        if module == "torch" and isinstance(getattr(torch, name, None), torch.dtype):
            return getattr(torch, name)
        raise pickle.UnpicklingError(f"{module}.{name} is not allowed in checkpoint metadata")


class RankShardReader(FileSystemReader):
    """PyTorch's `FileSystemReader` with a `read_metadata` that executes no code."""

    def read_metadata(self, *args: Any, **kwargs: Any) -> Metadata:
        """Reads the metadata of the checkpoint.

        Raises:
            DataError: If the file ``.metadata`` is damaged, or could execute code.
        """
        path = Path(self.path) / CONTENTS
        try:
            with path.open("rb") as file:
                found = _Contents(file).load()
        except Exception as error:  # a damaged pickle may raise anything
            raise DataError(f"{path} is damaged or could run code ({error}); give another checkpoint") from error
        if not isinstance(found, Metadata):
            raise DataError(f"{path} holds {type(found).__name__}, not checkpoint metadata; give another checkpoint")
        found.storage_meta = found.storage_meta or StorageMeta()
        found.storage_meta.load_id = self.load_id
        return found


def _place(planner: DefaultLoadPlanner, item: ReadItem, value: io.BytesIO) -> None:
    """Reads a non-tensor value with ``weights_only``, and passes it to PyTorch's planner."""
    plain = torch.load(value, weights_only=True)
    again = io.BytesIO()
    torch.save(plain, again)
    again.seek(0)
    DefaultLoadPlanner.load_bytes(planner, item, again)


class CarefulPlanner(DefaultLoadPlanner):
    """PyTorch's planner that loads into an existing state dict, with non-tensor values read with ``weights_only``."""

    def load_bytes(self, read_item: ReadItem, value: io.BytesIO) -> None:
        """Loads a non-tensor value."""
        _place(self, read_item, value)


class CarefulEmptyPlanner(_EmptyStateDictLoadPlanner):
    """PyTorch's planner that builds the state dict from the metadata, with values read with ``weights_only``."""

    def load_bytes(self, read_item: ReadItem, value: io.BytesIO) -> None:
        """Loads a non-tensor value."""
        _place(self, read_item, value)


def entries(folder: Path) -> set[str]:
    """The top-level keys of a sharded checkpoint, such as ``state_dict`` and ``optimizer_0``."""
    planned = RankShardReader(folder).read_metadata().planner_data or {}
    return {str(path[0]) for path in planned.values()}


def read_shards(folder: Path, only: set[str] | None = None) -> dict[str, Any]:
    """Reads a sharded checkpoint into full tensors in one process, without a process group.

    Args:
        folder: The checkpoint's directory.
        only: Top-level keys to read; None for all.

    Raises:
        DataError: If a shard is damaged, or could execute code.
    """
    state: dict[str, Any] = {}
    planner = CarefulEmptyPlanner(only)  # type: ignore[no-untyped-call]
    try:
        with one_cause():
            _load_state_dict(state, storage_reader=RankShardReader(folder), planner=planner, no_dist=True)
    except DataError:
        raise
    except Exception as error:
        raise DataError(f"{folder} is damaged or could run code ({error}); give another checkpoint") from error
    return state
