"""Sharded checkpoints: each process writes its own shards, and any number of processes can read them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.checkpoint.filesystem import FileSystemWriter
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    get_optimizer_state_dict,
    set_optimizer_state_dict,
)
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save
from torch.distributed.tensor import DTensor, distribute_tensor

from unif2ace.checkpoints.finding import REST, STATE, sha256, verify
from unif2ace.checkpoints.naming import NAMES, named, names_of
from unif2ace.checkpoints.rank_shards import CarefulPlanner, RankShardReader, entries
from unif2ace.checkpoints.single import load_plain, save_plain, unique_storages
from unif2ace.checkpoints.together import gathered, one_cause, rank, together
from unif2ace.checkpoints.writing import CheckpointFolder, explained
from unif2ace.errors import DataError

MODEL = ("state_dict", "current_model_state")
"""Checkpoint entries with the network's tensors by name. Without weight averaging only ``state_dict`` exists; with
averaging it holds the averaged weights, and ``current_model_state`` the weights in training."""
OPTIMIZER = "optimizer_"


def save_sharded(checkpoint: Mapping[str, Any], path: Path) -> Path:
    """Writes a sharded checkpoint. All processes must call this function.

    All processes write the entries with sharded tensors and the entries of `MODEL`. Rank 0 writes the rest.

    Args:
        checkpoint: Checkpoint in Lightning's format, with ``optimizer_states`` by parameter names.
        path: The directory to create, on a file system that all processes share.

    Returns:
        `path`.

    Raises:
        DataError: On all processes, if one process could not write.
    """
    first = rank() == 0
    shared, rest = _split(checkpoint)
    needed = sum(t.untyped_storage().nbytes() for t in unique_storages(shared))
    folder = CheckpointFolder(
        path,
        step=int(checkpoint["global_step"]),
        kind="sharded",
        needed=sum(gathered(needed)),
    )
    try:
        together(lambda: folder.open() if first else None)
        together(lambda: _write_shards(shared, folder))
        parts = gathered(together(lambda: _hashes_of_own(folder.partial)))
        together(lambda: _finish(folder, rest, parts) if first else None)
    finally:
        if first:
            folder.discard()
    return path


def _split(checkpoint: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    shared: dict[str, Any] = {}
    rest: dict[str, Any] = {}
    for name, value in checkpoint.items():
        if name == "optimizer_states":
            shared |= {f"{OPTIMIZER}{place}": state for place, state in enumerate(value)}
        else:
            (shared if name in MODEL or _is_sharded(value) else rest)[name] = value
    return shared, rest


def _is_sharded(value: Any) -> bool:
    children = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return isinstance(value, DTensor) or any(_is_sharded(child) for child in children)


def _write_shards(shared: dict[str, Any], folder: CheckpointFolder) -> None:
    with explained(folder.path, folder.needed), one_cause():
        writer = FileSystemWriter(folder.partial, single_file_per_rank=True, sync_files=True)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*assuming the intent is to save in a single process.*")
            save(shared, storage_writer=writer)


def _hashes_of_own(partial: Path) -> dict[str, tuple[int, str]]:
    return {file.name: (file.stat().st_size, sha256(file)) for file in partial.glob(f"__{rank()}_*.distcp")}


def _finish(folder: CheckpointFolder, rest: dict[str, Any], parts: Sequence[Mapping[str, tuple[int, str]]]) -> None:
    with folder.file(REST) as file:
        save_plain(rest, file)
    load_plain(folder.partial / REST, lazily=True)
    for part in parts:
        for name, (size, digest) in part.items():
            folder.add(name, size, digest)
    folder.publish()


def load_sharded(
    path: Path, module: nn.Module, optimizers: Sequence[torch.optim.Optimizer], *, strict: bool = True
) -> dict[str, Any]:
    """Loads a checkpoint into a sharded module and its optimisers. All processes must call this function.

    The checkpoint may be a single file, or sharded with any number of processes.

    Args:
        path: A directory ``step-*``, or an old file ``*.ckpt``.
        module: A module that is already sharded.
        optimizers: Optimisers of the module's parameters; empty to load the module only.
        strict: Whether the module and the checkpoint must have the same tensor names.

    Returns:
        The other entries of the checkpoint, and the entries of `MODEL`, sharded like the module.

    Raises:
        DataError: On all processes, if the checkpoint is damaged or does not fit the module.
    """
    kind = gathered(together(lambda: _kind(path) if rank() == 0 else ""))[0]  # the first rank checks the hashes
    if kind == "sharded":
        return _load_shards(path, module, optimizers, strict)
    return _load_whole(path if path.is_file() else path / STATE, module, optimizers, strict)


def _kind(path: Path) -> str:
    if path.is_file():
        return "single"
    return verify(path).kind


def _load_shards(
    path: Path, module: nn.Module, optimizers: Sequence[torch.optim.Optimizer], strict: bool
) -> dict[str, Any]:
    there = together(lambda: entries(path))
    checkpoint: dict[str, Any] = together(lambda: load_plain(path / REST))
    template = get_model_state_dict(module)
    for name in MODEL:
        if name in there:
            checkpoint[name] = {key: _empty_like(value) for key, value in template.items()}
            _load(path, {name: checkpoint[name]})
    module.load_state_dict(checkpoint["state_dict"], strict=strict)
    for place, optimizer in enumerate(optimizers):
        name = f"{OPTIMIZER}{place}"
        state: dict[str, Any] = {name: get_optimizer_state_dict(module, optimizer)}
        _load(path, state)
        set_optimizer_state_dict(module, optimizer, state[name])
    return checkpoint


def _empty_like(value: Any) -> Any:
    return torch.empty_like(value) if isinstance(value, Tensor) else value


def _load(path: Path, state: dict[str, Any]) -> None:
    def read() -> None:
        with one_cause():
            load(state, storage_reader=RankShardReader(path), planner=CarefulPlanner())

    together(read)


def _load_whole(
    file: Path, module: nn.Module, optimizers: Sequence[torch.optim.Optimizer], strict: bool
) -> dict[str, Any]:
    checkpoint: dict[str, Any] = together(lambda: load_plain(file, lazily=True))
    template = get_model_state_dict(module)
    for name in MODEL:
        if name in checkpoint:
            checkpoint[name] = {k: shard_like(v, template.get(k)) for k, v in checkpoint[name].items()}
    module.load_state_dict(checkpoint["state_dict"], strict=strict)
    for place, (optimizer, state) in enumerate(zip(optimizers, checkpoint.pop("optimizer_states", []), strict=True)):
        known = checkpoint.get(NAMES)
        names = known[place] if known else names_of(module, optimizer)
        options = StateDictOptions(full_state_dict=True)
        set_optimizer_state_dict(module, optimizer, named(state, names), options=options)
    return checkpoint


def shard_like(full: Tensor, like: Any) -> Any:
    """Shards a full tensor (...) like another tensor. Every process has the full tensor, so nothing is communicated."""
    if not isinstance(like, DTensor):
        return full.to(like.device) if isinstance(like, Tensor) else full
    if full.shape != like.shape:
        raise DataError(
            f"a tensor of the checkpoint has shape {tuple(full.shape)}, but the network needs {tuple(like.shape)}: "
            "resume with the network of the run"
        )
    part = full.to(like.to_local().device)
    return distribute_tensor(part, like.device_mesh, like.placements, src_data_rank=None)
