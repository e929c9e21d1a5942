"""Reads weights from a training checkpoint without executing code from the file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unif2ace.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor

FORMAT = 2
"""Format version of weights files and of records in checkpoints. It is raised when names of tensors or keys change."""
RECORD = "unif2ace"
"""Key of a checkpoint's record, which `unif2ace-train` writes: kind, net and provenance."""
CONFIG = "config"
"""Key of the record for the resolved configuration of the run. It contains paths, so weights files omit it."""
PREFIX = "net."


def read_checkpoint(file: Path) -> tuple[str, dict[str, Any], dict[str, Tensor], dict[str, Any]]:
    """Kind, configuration, state and header of the network in a checkpoint.

    With weight averaging (EMA) the averaged weights are returned: Lightning stores them under ``state_dict``.

    Args:
        file: A directory ``step-*`` or a file ``*.ckpt`` that `unif2ace-train` wrote.

    Returns:
        Kind, configuration, tensors of any shape (...) by name, and header.

    Raises:
        DataError: If the checkpoint is damaged, was not written by `unif2ace-train`, or could execute code.
    """
    from unif2ace.checkpoints.reading import read

    checkpoint = read(file, only={"state_dict"}, lazily=True)
    record = checkpoint.get(RECORD)
    if not isinstance(record, dict):
        raise DataError(f"{file} does not name its network: it was not written by unif2ace-train")
    refuse_old_names(record, file)
    state = checkpoint.get("state_dict")
    net = {n.removeprefix(PREFIX): v.clone() for n, v in (state or {}).items() if n.startswith(PREFIX)}
    if not net:
        raise DataError(f"{file} holds no network: its state_dict has no {PREFIX}*; give another checkpoint")
    header = {name: value for name, value in record.items() if name != CONFIG}
    return record["kind"], record["net"], net, header | {"steps": checkpoint.get("global_step")}


def config_of(path: Path) -> dict[str, Any] | None:
    """The resolved configuration of the run that wrote a checkpoint; None if the checkpoint and its run folder lack it.

    Args:
        path: A directory ``step-*``, or an old file ``*.ckpt``.

    Raises:
        DataError: If the checkpoint is damaged.
    """
    from unif2ace.checkpoints.reading import read_rest

    record = read_rest(path).get(RECORD) or {}
    if record:
        refuse_old_names(record, path)
    found = record.get(CONFIG)
    return found if isinstance(found, dict) else _config_beside(path)


OLD_NAMES = "was written by version 0.1, whose tensors and keys had other names (see 0.2 in CHANGELOG.md)"
"""What the messages say of files of version 0.1."""


def refuse_old_names(record: Mapping[str, Any], file: Path) -> None:
    """Rejects a training checkpoint of version 0.1, whose tensors and keys had other names.

    Args:
        record: The checkpoint's record (`RECORD`).
        file: Path of the checkpoint, for the message.

    Raises:
        DataError: If the checkpoint is of version 0.1.
    """
    if "format" not in record:
        raise DataError(f"{file} {OLD_NAMES}: continue it with version 0.1, or start a new run")


def _config_beside(path: Path) -> dict[str, Any] | None:
    from omegaconf import OmegaConf

    for folder in (path.parent.parent, path.parent):
        if (folder / "config.yaml").is_file():
            config = OmegaConf.to_container(OmegaConf.load(folder / "config.yaml"))
            return config if isinstance(config, dict) else None  # type: ignore[return-value]
    return None


def record(module: Mapping[str, Any], kind: str, provenance: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Builds the record of a network that is stored in a checkpoint.

    Args:
        module: The configuration's `module` node, resolved.
        kind: Kind of the network: ``tokenizer``, ``attributes`` or ``unified``.
        provenance: Further entries, such as data and code versions.
    """
    return {**(provenance or {}), "format": FORMAT, "kind": kind, "net": module["net"]}
