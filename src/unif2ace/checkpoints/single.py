"""Checkpoints in one file, read without executing anything in it."""

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
    """Writes a checkpoint in one file, and checks that it can be read again.

    Args:
        checkpoint: Plain containers, numbers, strings and tensors; ``global_step`` gives the step.
        path: The directory to create.

    Returns:
        The directory.

    Raises:
        DataError: If it holds other values, or the disk is full. Nothing is left in either case.
    """
    needed = sum(t.untyped_storage().nbytes() for t in unique_storages(checkpoint))
    with CheckpointFolder(path, step=int(checkpoint.get("global_step", 0)), needed=needed) as folder:
        with folder.file(STATE) as file:
            save_plain(checkpoint, file)
        load_plain(folder.partial / STATE, lazily=True)
    return path


def save_plain(tree: Any, file: Any) -> None:
    """`torch.save`, in the format that loads lazily.

    Raises:
        DataError: If a value cannot be written.
    """
    try:
        torch.save(tree, file)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise DataError(f"a checkpoint holds plain values and tensors only: {error}") from error


def load_plain(file: Path, *, lazily: bool = False) -> Any:
    """Reads a file of `torch.save`, tensors and plain values only, onto the CPU.

    Args:
        file: File written by `torch.save`.
        lazily: Whether tensors stay on disk until they are used.

    Raises:
        DataError: If it is damaged, or could execute code.
    """
    try:
        return torch.load(file, map_location="cpu", weights_only=True, mmap=lazily)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError) as error:
        if "weights_only" in str(error) or "Weights only" in str(error):
            what = _what(error)
            why = f"holds more than plain values ({what}), so opening it could run code; it is never opened that way"
        else:
            why = "is damaged or not a checkpoint"
        raise DataError(f"{file} {why}; give another checkpoint of the run, or its weights.safetensors") from error


def _what(error: Exception) -> str:
    """The name of the class that torch refused, if the error contains it."""
    words = str(error).replace("\n", " ").split("GLOBAL ")
    return words[1].split(" was")[0].strip() if len(words) > 1 else "an unknown class"


def unique_storages(tree: Any) -> Iterator[Tensor]:
    """One tensor (...) per storage in nested containers."""
    seen: set[int] = set()
    for tensor in tensors(tree):
        place = tensor.untyped_storage().data_ptr()
        if place not in seen:
            seen.add(place)
            yield tensor


def tensors(tree: Any) -> Iterator[Tensor]:
    """The tensors (...) in nested containers; of sharded ones, this process's shard."""
    if isinstance(tree, Tensor):
        yield tree.to_local() if hasattr(tree, "to_local") else tree
    children = tree.values() if isinstance(tree, Mapping) else tree if isinstance(tree, list | tuple) else ()
    for child in children:
        yield from tensors(child)
