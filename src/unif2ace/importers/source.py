"""Reads weights files of other projects without executing code from them."""

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
"""File names (without ending) of weights in published folders, in the order of the search."""
TORCH = (".bin", ".pt", ".pth")
"""File endings of `torch.save`."""
INDEX = ".index.json"
"""Ending of the index file that maps tensor names to shards."""
NESTED = ("state_dict", "model", "module")
"""Keys under which training programs often store the state dict."""


def read_source(path: str | Path) -> dict[str, Tensor]:
    """Reads all tensors of a weights file, which may be sharded.

    Args:
        path: A ``.safetensors`` file, a PyTorch file (``.bin``, ``.pt``, ``.pth``), the ``.index.json`` of sharded
            files, or a folder with one of these.

    Returns:
        Tensors of any shape (...) by their names in the file, on the CPU.

    Raises:
        DataError: If the file does not exist, is damaged, contains other values than tensors, or was written by this
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
            f"{file} is not an index of shards ({error}): its entry weight_map must map tensor names to file names"
        ) from error
    found: dict[str, Tensor] = {}
    for shard in shards:
        if not (file.parent / shard).is_file():
            raise DataError(f"{file} names the shard {shard}, which is missing: copy the shard to {file.parent}")
        found |= _read(file.parent / shard)
    if missing := sorted(wanted.keys() - found.keys()):
        raise DataError(
            f"{file}: the shards lack the tensors {missing[0]!r} and {len(missing) - 1} more: copy all shards again"
        )
    return found


def settings_file(path: str | Path) -> Path:
    """Path of the ``config.json`` in the folder of the weights; `path` is a weights file or this folder."""
    path = Path(path)
    return (path if path.is_dir() else path.parent) / "config.json"


def read_settings(path: str | Path) -> dict[str, Any]:
    """Reads the ``config.json`` in the folder of the weights.

    Args:
        path: As in `read_source`.

    Raises:
        DataError: If the file does not exist, or is not a JSON object.
    """
    file = settings_file(path)
    if not file.is_file():
        raise DataError(f"{file} is missing, and the importer needs its settings: copy it from the published folder")
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
        raise DataError(f"no weights at {path}{nearest(path.name, beside)}; give a weights file or its folder")
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
    listed = (
        f"holds {', '.join(p.name for p in others)}: give the path of one of these files"
        if others
        else f"holds no weights file: give a folder with a *.safetensors, *{', *'.join(TORCH)} or *{INDEX} file"
    )
    raise DataError(f"{folder} {listed}")


def _read(file: Path) -> dict[str, Tensor]:
    import torch

    tree = _read_safetensors(file) if file.suffix == ".safetensors" else _read_torch(file)
    while not any(isinstance(value, torch.Tensor) for value in tree.values()):
        inner = next((tree[key] for key in NESTED if isinstance(tree.get(key), Mapping)), None)
        if inner is None:
            raise DataError(f"{file} holds no state dict: give a file with the weights of a network")
        tree = inner
    if other := [name for name, value in tree.items() if not isinstance(value, torch.Tensor)]:
        raise DataError(f"{file}: the value of {other[0]!r} is not a tensor: give a file with the state dict only")
    wrapped = all(name.startswith("module.") for name in tree)
    return {name.removeprefix("module.") if wrapped else name: value for name, value in tree.items()}


def _read_safetensors(file: Path) -> Mapping[str, Any]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, "pt") as opened:
            if HEADER in (opened.metadata() or {}):
                raise DataError(
                    f"{file} is a weights file of this project already: no import is needed, use init_from={file} or "
                    f"ckpt={file}"
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
        raise DataError(
            f"{file} is damaged, or holds more than tensors ({reason}): copy it again, or save the state dict only"
        ) from error
    if not isinstance(tree, Mapping):
        raise DataError(f"{file} holds a {type(tree).__name__}, not a state dict: save the network's state_dict()")
    return tree
