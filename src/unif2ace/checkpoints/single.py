"""Single-file checkpoints, read without executing code from the file."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from unif2ace.checkpoints.finding import STATE
from unif2ace.checkpoints.writing import CheckpointFolder
from unif2ace.errors import DataError


def save_single(checkpoint: Mapping[str, Any], path: Path) -> Path:
    """Writes a single-file checkpoint, and checks that the file can be read.

    Args:
        checkpoint: Containers, numbers, strings and tensors only; ``global_step`` is the step.
        path: The directory to create.

    Returns:
        `path`.

    Raises:
        DataError: If the checkpoint has other values, or the disk is full. No file is left in either case.
    """
    needed = sum(t.untyped_storage().nbytes() for t in unique_storages(checkpoint))
    with CheckpointFolder(path, step=int(checkpoint.get("global_step", 0)), needed=needed) as folder:
        with folder.file(STATE) as file:
            save_plain(checkpoint, file)
        load_plain(folder.partial / STATE, lazily=True)
    return path


def save_plain(tree: Any, file: Any) -> None:
    """Writes a file with `torch.save`.

    Raises:
        DataError: If a value cannot be pickled.
    """
    try:
        torch.save(tree, file)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise DataError(
            f"a value is neither plain data nor a tensor ({error}): save numbers, texts, containers and tensors only"
        ) from error


def load_plain(file: Path, *, lazily: bool = False) -> Any:
    """Reads a file with `torch.load` and ``weights_only``, onto the CPU.

    Args:
        file: File written by `torch.save`.
        lazily: Whether tensors are memory-mapped instead of read at once.

    Raises:
        DataError: If the file is damaged, or could execute code.
    """
    try:
        return torch.load(file, map_location="cpu", weights_only=True, mmap=lazily)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError) as error:
        if "weights_only" in str(error) or "Weights only" in str(error):
            what = _what(error)
            why = f"contains {what}, so unpickling the file could run code: it was not loaded"
        else:
            why = "is damaged or not a checkpoint"
        raise DataError(f"{file} {why}; give another checkpoint of the run, or its weights.safetensors") from error


def _what(error: Exception) -> str:
    """Name of the class that PyTorch rejected, from the text of the error."""
    words = str(error).replace("\n", " ").split("GLOBAL ")
    return words[1].split(" was")[0].strip() if len(words) > 1 else "an unknown class"


def unique_storages(tree: Any) -> Iterator[Tensor]:
    """The tensors (...) in nested containers, only one for each storage."""
    seen: set[int] = set()
    for tensor in tensors(tree):
        place = tensor.untyped_storage().data_ptr()
        if place not in seen:
            seen.add(place)
            yield tensor


def tensors(tree: Any) -> Iterator[Tensor]:
    """The tensors (...) in nested containers. A sharded tensor yields the local shard."""
    if isinstance(tree, Tensor):
        yield tree.to_local() if hasattr(tree, "to_local") else tree
    children = tree.values() if isinstance(tree, Mapping) else tree if isinstance(tree, list | tuple) else ()
    for child in children:
        yield from tensors(child)
