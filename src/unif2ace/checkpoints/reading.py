"""Reads checkpoints of any format in one process."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unif2ace.checkpoints.finding import REST, STATE, describe, is_checkpoint, verify
from unif2ace.errors import DataError


def read(path: str | Path, *, only: set[str] | None = None, lazily: bool = False) -> dict[str, Any]:
    """Reads a checkpoint as a dictionary in Lightning's format.

    Args:
        path: A directory ``step-*``, or an old file ``*.ckpt``.
        only: For a sharded checkpoint: keys of the sharded entries to read, such as ``state_dict``; None for all.
            Other entries are always read.
        lazily: Whether the tensors of a single-file checkpoint are memory-mapped instead of read at once.

    Raises:
        DataError: If the checkpoint is damaged, or could execute code.
    """
    from unif2ace.checkpoints.single import load_plain

    path = Path(path)
    if path.is_file():
        return _mapping(load_plain(path, lazily=lazily), path)
    if verify(path).kind == "single":
        return _mapping(load_plain(path / STATE, lazily=lazily), path)
    return _whole(path, only)


def _mapping(found: Any, path: Path) -> dict[str, Any]:
    if not isinstance(found, Mapping):
        raise DataError(f"{path} holds {type(found).__name__}, not a training checkpoint: give another file")
    return dict(found)


def _whole(path: Path, only: set[str] | None) -> dict[str, Any]:
    from unif2ace.checkpoints.naming import NAMES, numbered
    from unif2ace.checkpoints.rank_shards import read_shards
    from unif2ace.checkpoints.sharded import OPTIMIZER
    from unif2ace.checkpoints.single import load_plain

    checkpoint = _mapping(load_plain(path / REST), path)
    state = read_shards(path, only)
    optimizers = [name for name in state if name.startswith(OPTIMIZER)]
    by_place = sorted(optimizers, key=lambda name: int(name.removeprefix(OPTIMIZER)))
    states = [numbered(state.pop(name)) for name in by_place]
    if states:
        checkpoint |= {"optimizer_states": [one for one, _ in states], NAMES: [names for _, names in states]}
    return checkpoint | state


def read_rest(path: str | Path) -> dict[str, Any]:
    """Reads the entries of a checkpoint that are not tensors, without checking hashes.

    The result of a single-file checkpoint also has the tensors, memory-mapped and not yet read.

    Raises:
        DataError: If the checkpoint is damaged, or could execute code.
    """
    from unif2ace.checkpoints.single import load_plain

    path = Path(path)
    if not is_checkpoint(path):
        return _mapping(load_plain(path, lazily=True), path)
    file = path / (STATE if describe(path).kind == "single" else REST)
    return _mapping(load_plain(file, lazily=True), path)
