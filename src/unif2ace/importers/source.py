"""Reads weights files of other projects, without executing anything in them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unif2ace.engine.weights import HEADER
from unif2ace.errors import DataError, nearest

if TYPE_CHECKING:
    from torch import Tensor

OFFICIAL = ("model", "diffusion_pytorch_model", "pytorch_model")
"""Names of weights files that published folders have, in the order in which they are looked for."""
TORCH = (".bin", ".pt", ".pth")
"""Endings of files that `torch.save` wrote."""
INDEX = ".index.json"
"""Ending of the file that says which shard holds which tensor."""
NESTED = ("state_dict", "model", "module")
"""Keys below which training programs store the tensors."""


def read_source(path: str | Path) -> dict[str, Tensor]:
    """All tensors of a weights file, of its shards, or of a folder with either.

    Args:
        path: A ``.safetensors`` file, a torch file (``.bin``, ``.pt``, ``.pth``), the ``.index.json`` of a sharded one,
            or a folder that holds one of them.

    Returns:
        Tensors of any shape (...) by the names in the file, on the CPU.

    Raises:
        DataError: If there is no such file, it is damaged, holds other things than tensors, or was written by this
            project.
    """
    file = _file_of(Path(path))
    if not file.name.endswith(INDEX):
        return _read(file)
    try:
        wanted: Any = json.loads(file.read_text(encoding="utf-8"))["weight_map"]
        shards = sorted(set(wanted.values()))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{file} is not an index of shards ({error}): it needs an entry weight_map from tensor names to files"
        ) from error
    found: dict[str, Tensor] = {}
    for shard in shards:
        if not (file.parent / shard).is_file():
            raise DataError(f"{file} names the shard {shard}, which is not beside it: copy it there")
        found |= _read(file.parent / shard)
    if missing := sorted(wanted.keys() - found.keys()):
        raise DataError(f"{file}: its shards lack {missing[0]!r} and {len(missing) - 1} more: copy them again")
    return found


def settings_file(path: str | Path) -> Path:
    """The place of the ``config.json`` beside weights: in their folder, or in `path` if it is a folder."""
    path = Path(path)
    return (path if path.is_dir() else path.parent) / "config.json"


def read_settings(path: str | Path) -> dict[str, Any]:
    """The ``config.json`` beside weights.

    Args:
        path: As in `read_source`.

    Raises:
        DataError: If there is none, or it is not a JSON object.
    """
    file = settings_file(path)
    if not file.is_file():
        raise DataError(f"{file} is missing, which has settings that tensors lack: copy it from the published folder")
    try:
        settings = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{file} is damaged ({error}): copy it again") from error
    if not isinstance(settings, dict):
        raise DataError(f"{file} is not a JSON object: copy it from the published folder")
    return settings


def _file_of(path: Path) -> Path:
    if path.is_dir():
        return _file_in(path)
    if not path.is_file():
        beside = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        raise DataError(f"no weights at {path}{nearest(path.name, beside)}; give a file, or the folder it is in")
    if path.suffix not in (".safetensors", *TORCH) and not path.name.endswith(INDEX):
        raise DataError(f"{path} is not a weights file: give a *.safetensors, *{', *'.join(TORCH)} or *{INDEX} file")
    return path


def _file_in(folder: Path) -> Path:
    endings = (".safetensors", f".safetensors{INDEX}", ".bin", f".bin{INDEX}")
    official = [folder / f"{name}{ending}" for ending in endings for name in OFFICIAL]
    if found := next((file for file in official if file.is_file()), None):
        return found
    others = sorted(p for p in folder.iterdir() if p.suffix in (".safetensors", *TORCH) or p.name.endswith(INDEX))
    if len(others) == 1:
        return others[0]
    listed = f"holds {', '.join(p.name for p in others)}: give one of them" if others else "holds no weights file"
    raise DataError(f"{folder} {listed}")


def _read(file: Path) -> dict[str, Tensor]:
    import torch

    tree = _read_safetensors(file) if file.suffix == ".safetensors" else _read_torch(file)
    while not any(isinstance(value, torch.Tensor) for value in tree.values()):
        inner = next((tree[key] for key in NESTED if isinstance(tree.get(key), Mapping)), None)
        if inner is None:
            raise DataError(f"{file} holds no tensors by name: give a file with the weights of a network")
        tree = inner
    if other := [name for name, value in tree.items() if not isinstance(value, torch.Tensor)]:
        raise DataError(f"{file}: {other[0]!r} is not a tensor: give a file with the weights of a network alone")
    wrapped = all(name.startswith("module.") for name in tree)
    return {name.removeprefix("module.") if wrapped else name: value for name, value in tree.items()}


def _read_safetensors(file: Path) -> Mapping[str, Any]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, "pt") as opened:
            if HEADER in (opened.metadata() or {}):
                raise DataError(
                    f"{file} is a weights file of this project already: give it as init_from=... or ckpt=..."
                )
            return {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - no mapping
    except SafetensorError as error:
        raise DataError(f"{file} is damaged ({error}): copy it again") from error


def _read_torch(file: Path) -> Mapping[str, Any]:
    import pickle

    import torch

    try:
        tree = torch.load(file, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise DataError(f"{file} is damaged, or holds more than tensors ({reason}): save the tensors alone") from error
    if not isinstance(tree, Mapping):
        raise DataError(f"{file} holds a {type(tree).__name__}, not tensors by name: save the network's state_dict")
    return tree
