"""Reads weights from a training checkpoint, without executing anything in it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unif2ace.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor

FORMAT = 2
"""Format version of weights files and of records in checkpoints: it changes with names of tensors and keys."""
RECORD = "unif2ace"
"""Entry that `unif2ace-train` writes into every checkpoint: kind, net and provenance."""
CONFIG = "config"
"""Entry of that record: the resolved configuration of the run. It names folders, so it is not copied to weights
files.
"""
PREFIX = "net."


def read_checkpoint(file: Path) -> tuple[str, dict[str, Any], dict[str, Tensor], dict[str, Any]]:
    """Kind, configuration, state and header of the network in a checkpoint.

    If the run averages its weights, the averaged ones are returned, which Lightning keeps under ``state_dict``.

    Args:
        file: The directory of a step, or a file ``*.ckpt``, written by `unif2ace-train`.

    Returns:
        Kind, configuration, tensors of any shape (...) by name, and header.

    Raises:
        DataError: If it is damaged, was not written by `unif2ace-train`, or could execute code.
    """
    from unif2ace.checkpoints.reading import read

    checkpoint = read(file, only={"state_dict"}, lazily=True)
    record = checkpoint.get(RECORD)
    if not isinstance(record, dict):
        raise DataError(f"{file} does not say what network it holds: it was not written by unif2ace-train")
    refuse_old_names(record, file)
    state = checkpoint.get("state_dict")
    net = {n.removeprefix(PREFIX): v.clone() for n, v in (state or {}).items() if n.startswith(PREFIX)}
    if not net:
        raise DataError(f"{file} holds no network (no {PREFIX}* in its state_dict): it is of another program")
    header = {name: value for name, value in record.items() if name != CONFIG}
    return record["kind"], record["net"], net, header | {"steps": checkpoint.get("global_step")}


def config_of(path: Path) -> dict[str, Any] | None:
    """The resolved configuration of the run that wrote a checkpoint; None if unknown.

    Args:
        path: The directory of a step, or an old file ``*.ckpt``.

    Raises:
        DataError: If the checkpoint is damaged.
    """
    from unif2ace.checkpoints.reading import read_rest

    record = read_rest(path).get(RECORD) or {}
    if record:
        refuse_old_names(record, path)
    found = record.get(CONFIG)
    return found if isinstance(found, dict) else _config_beside(path)


def refuse_old_names(record: Mapping[str, Any], file: Path) -> None:
    """Rejects a training checkpoint that was written with the names of version 0.1.

    Args:
        record: What the checkpoint says of itself.
        file: The checkpoint, for the message.

    Raises:
        DataError: If its names are old.
    """
    if "format" not in record:
        raise DataError(
            f"{file} was written before names of tensors and keys changed (see 0.2 in CHANGELOG.md): continue it with "
            "the version that wrote it, or start a new run"
        )


def _config_beside(path: Path) -> dict[str, Any] | None:
    from omegaconf import OmegaConf

    for folder in (path.parent.parent, path.parent):
        if (folder / "config.yaml").is_file():
            config = OmegaConf.to_container(OmegaConf.load(folder / "config.yaml"))
            return config if isinstance(config, dict) else None  # type: ignore[return-value]
    return None


def record(module: Mapping[str, Any], kind: str, provenance: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The record of a network in a checkpoint.

    Args:
        module: The configuration's `module` node, resolved.
        kind: Kind of the network.
        provenance: Further entries.
    """
    return {**(provenance or {}), "format": FORMAT, "kind": kind, "net": module["net"]}
