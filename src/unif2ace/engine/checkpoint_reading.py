"""Weights out of a training checkpoint, without executing anything in it."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unif2ace.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor

RECORD = "unif2ace"
"""Entry that `unif2ace-train` puts into every checkpoint: kind, net and provenance."""
PREFIX = "net."


def read_checkpoint(file: Path) -> tuple[str, dict[str, Any], dict[str, Tensor], dict[str, Any]]:
    """Kind, configuration, state and header of the network in a checkpoint.

    Of a run that averages its weights it gives the averaged ones, which Lightning keeps under ``state_dict``.

    Args:
        file: Written by `unif2ace-train`; if it lacks its record, ``config.yaml`` of the run's folder stands in.

    Raises:
        DataError: If it is damaged, not of such a run, or could execute code.
    """
    checkpoint = _load(file)
    record = checkpoint.get(RECORD) or _record_of_run(file)
    state = checkpoint.get("state_dict")
    net = {n.removeprefix(PREFIX): v.clone() for n, v in (state or {}).items() if n.startswith(PREFIX)}
    if not net:
        raise DataError(f"{file} holds no network (no {PREFIX}* in its state_dict): it is of another program")
    return record["kind"], record["net"], net, dict(record) | {"steps": checkpoint.get("global_step")}


def _load(file: Path) -> Mapping[str, Any]:
    import torch

    if file.is_dir():
        raise DataError(f"{file} is a sharded checkpoint; give the run's folder, or its weights.safetensors")
    try:
        checkpoint = torch.load(file, map_location="cpu", weights_only=True, mmap=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError) as error:
        if "weights_only" in str(error) or "Weights only" in str(error):
            why = "holds more than plain values, so opening it could run code; it is never opened that way"
        else:
            why = "is damaged or no checkpoint"
        raise DataError(f"{file} {why}; give another checkpoint of the run, or its weights.safetensors") from error
    if not isinstance(checkpoint, Mapping):
        raise DataError(f"{file} holds {type(checkpoint).__name__}, not a training checkpoint")
    return checkpoint


def _record_of_run(file: Path) -> dict[str, Any]:
    from omegaconf import OmegaConf

    for folder in (file.parent.parent, file.parent):
        path = folder / "config.yaml"
        if path.is_file():
            config = OmegaConf.to_container(OmegaConf.load(path))
            module = config.get("module") if isinstance(config, dict) else None
            if isinstance(module, dict) and isinstance(module.get("net"), dict):
                return record(module)
    raise DataError(f"{file} does not say what network it holds, and no config.yaml of its run lies beside it")


def record(module: Mapping[str, Any], provenance: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What a checkpoint says about its network.

    Args:
        module: The configuration's `module` node, resolved; the kind is the name of the file its class stands in.
        provenance: Further entries.
    """
    return {**(provenance or {}), "kind": str(module["_target_"]).split(".")[-2], "net": module["net"]}
