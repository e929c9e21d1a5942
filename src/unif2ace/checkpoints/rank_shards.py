"""Reading the files of `torch.distributed.checkpoint` without executing what is in them.

Its table of contents, ``.metadata``, is a pickle, and so are the values that are not tensors; torch opens both without
any restriction. Here the pickle may name only the classes that such a table is made of, and values are read as
``weights_only``. Still, take sharded checkpoints only from where you would take a program: release folders and
``weights.safetensors`` are what is meant to be passed on.
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
    """Admits the classes of a table of contents, and no function."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _PLAIN:
            return super().find_class(module, name)
        if module in _OWN and "." not in name:
            found = super().find_class(module, name)
            if isinstance(found, type) and found.__module__ == module and not issubclass(found, FileSystemReader):
                return found
        if module == "torch" and isinstance(getattr(torch, name, None), torch.dtype):
            return getattr(torch, name)
        raise pickle.UnpicklingError(f"{module}.{name} is not part of a table of contents")


class RankShardReader(FileSystemReader):
    """Torch's reader with a careful `read_metadata`."""

    def read_metadata(self, *args: Any, **kwargs: Any) -> Metadata:
        """The table of contents.

        Raises:
            DataError: If it is damaged, or would execute code.
        """
        path = Path(self.path) / CONTENTS
        try:
            with path.open("rb") as file:
                found = _Contents(file).load()
        except Exception as error:  # a damaged pickle may raise anything
            raise DataError(f"{path} is damaged or could run code ({error}); give another checkpoint") from error
        if not isinstance(found, Metadata):
            raise DataError(f"{path} holds {type(found).__name__}, no table of contents; give another checkpoint")
        found.storage_meta = found.storage_meta or StorageMeta()
        found.storage_meta.load_id = self.load_id
        return found


def _place(planner: DefaultLoadPlanner, item: ReadItem, value: io.BytesIO) -> None:
    """Reads a value that is no tensor, and hands it to torch's planner in a form that it may open."""
    plain = torch.load(value, weights_only=True)
    again = io.BytesIO()
    torch.save(plain, again)
    again.seek(0)
    DefaultLoadPlanner.load_bytes(planner, item, again)


class CarefulPlanner(DefaultLoadPlanner):
    """Torch's planner for a state that is there, reading plain values alone."""

    def load_bytes(self, read_item: ReadItem, value: io.BytesIO) -> None:
        """Takes a value that is no tensor."""
        _place(self, read_item, value)


class CarefulEmptyPlanner(_EmptyStateDictLoadPlanner):
    """Torch's planner for a state that is made from the table of contents, reading plain values alone."""

    def load_bytes(self, read_item: ReadItem, value: io.BytesIO) -> None:
        """Takes a value that is no tensor."""
        _place(self, read_item, value)


def entries(folder: Path) -> set[str]:
    """The outermost names in a sharded checkpoint, such as ``state_dict`` and ``optimizer_0``."""
    planned = RankShardReader(folder).read_metadata().planner_data or {}
    return {str(path[0]) for path in planned.values()}


def read_shards(folder: Path, only: set[str] | None = None) -> dict[str, Any]:
    """Whole tensors and values out of shards, in one process without a process group.

    Args:
        folder: Of the checkpoint.
        only: Outermost names to read; None for all.

    Raises:
        DataError: If a shard is damaged, or would execute code.
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
