"""Weights files: a network's tensors, what it is built from, and where it came from, in one file.

The file is a safetensors file: nothing in it can execute. Its header holds one JSON tree under ``unif2ace``: kind,
configuration of the network, fingerprint, data, code and versions.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from unif2ace.checkpoints.finding import COMPLETE, home, is_checkpoint, newest
from unif2ace.data.shards.atomic import replacing
from unif2ace.engine.checkpoint_reading import FORMAT, read_checkpoint
from unif2ace.engine.fingerprint import SHOWN, fingerprint
from unif2ace.engine.instantiate import instantiate
from unif2ace.engine.renamed_weights import renamed_header, renamed_state
from unif2ace.errors import ConfigError, DataError, nearest

if TYPE_CHECKING:
    from torch import Tensor, nn

HEADER = "unif2ace"
FILE_NAME = "weights.safetensors"
TEXT_FILE = "tokenizer.json"
"""Name of the text tokenizer's file in the folder of a run or a release."""
BUILTIN = Path(__file__).parents[1] / "builtin"
"""The release that comes with the package."""
Precision = Literal["float32", "bfloat16", "float16"]


@dataclass(frozen=True, slots=True)
class Weights:
    """What a weights file or a checkpoint holds.

    Attributes:
        path: The file.
        kind: What the network does: ``tokenizer``, ``attributes``; the name of the module that trained it.
        config: What the network is built from: a plain tree with `_target_`.
        state: Its tensors by name, on the CPU.
        header: All that is known about it.
        fingerprint: 64 hexadecimal characters; see `engine.fingerprint`.
    """

    path: Path
    kind: str
    config: Mapping[str, Any]
    state: Mapping[str, Tensor]
    header: Mapping[str, Any]
    fingerprint: str

    @property
    def short(self) -> str:
        """The fingerprint as messages and folder names show it."""
        return self.fingerprint[:SHOWN]


def save_weights(
    path: str | Path,
    net: nn.Module | Mapping[str, Tensor],
    *,
    kind: str,
    config: Mapping[str, Any],
    provenance: Mapping[str, Any] | None = None,
    dtype: Precision | None = None,
) -> Weights:
    """Writes a weights file; it is there whole or not at all.

    Args:
        path: The file; its folder is made.
        net: The network, or its state by name.
        kind: See `Weights`.
        config: What the network is built from, resolved.
        provenance: Further entries of the header, plain JSON values.
        dtype: Precision to store floating-point tensors in; None keeps theirs.

    Returns:
        What was written.

    Raises:
        DataError: If the disk is full.
    """
    import safetensors.torch
    import torch

    path = Path(path)
    named = net.state_dict() if isinstance(net, torch.nn.Module) else net
    state = {name: _stored(value, dtype) for name, value in named.items()}
    config = json.loads(json.dumps(config))
    header = {
        **json.loads(json.dumps(provenance or {})),
        "format": FORMAT,
        "kind": kind,
        "net": config,
        "fingerprint": fingerprint(state, config),
        "dtype": dtype or _precision(state),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write(safetensors.torch.save(state, {HEADER: json.dumps(header)}))
    return Weights(path, kind, config, state, header, header["fingerprint"])


def _stored(value: Tensor, dtype: Precision | None) -> Tensor:
    """A tensor of its own, in plain memory order: safetensors refuses views and shared memory."""
    import torch

    whole = value.full_tensor() if hasattr(value, "full_tensor") else value  # sharded over processes
    whole = whole.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
    return whole.to(getattr(torch, dtype)) if dtype and whole.is_floating_point() else whole


def _precision(state: Mapping[str, Tensor]) -> str:
    floating = {str(v.dtype).removeprefix("torch.") for v in state.values() if v.is_floating_point()}
    return ", ".join(sorted(floating)) or "none"


def read_weights(path: str | Path, kind: str = "") -> Weights:
    """Reads weights, their configuration and their header.

    Args:
        path: A ``.safetensors`` file, a training checkpoint (a directory ``step-*``, formerly a file ``*.ckpt``), or a
            run folder: of its weights file and its checkpoints, which a stopped run leaves, the newest.
        kind: If given, a release folder stands for the file of that kind in it, and ``builtin`` for that of the release
            that comes with the package.

    Raises:
        DataError: If there is no such file, or it is damaged or of another program.
    """
    file = find_weights(path, kind)
    if file.suffix != ".safetensors":
        kind, config, state, header = read_checkpoint(file)
        return Weights(file, kind, config, state, header, fingerprint(state, config))
    import safetensors.torch

    header = _read_header(file)
    state = safetensors.torch.load_file(file)
    found = fingerprint(state, header["net"])
    if found != header["fingerprint"]:
        raise DataError(
            f"{file} is damaged: its weights have fingerprint {found[:SHOWN]}, its header says "
            f"{header['fingerprint'][:SHOWN]}; copy it again, or train anew"
        )
    if header["format"] == 1:
        header, state = renamed_header(header), renamed_state(state)
    return Weights(file, header["kind"], header["net"], state, header, found)


def read_header(path: str | Path, kind: str = "") -> dict[str, Any]:
    """The header of weights, without their tensors.

    Args:
        path: As `read_weights` takes it.
        kind: Likewise.

    Raises:
        DataError: If there is no such file, or it is damaged or of another program.
    """
    file = find_weights(path, kind)
    if file.suffix != ".safetensors":
        return read_checkpoint(file)[3]
    header = _read_header(file)
    return renamed_header(header) if header["format"] == 1 else header


def _read_header(file: Path) -> dict[str, Any]:
    """The header as it is written."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, "pt") as opened:
            text = (opened.metadata() or {}).get(HEADER)
    except SafetensorError as error:
        raise DataError(f"{file} is damaged ({error}); copy it again, or train anew") from error
    try:
        header = json.loads(text or "null")
        if not isinstance(header, dict):
            raise DataError(f"{file} says nothing about its network: it was not written by unif2ace-train")
        if header["format"] not in (1, FORMAT):
            raise DataError(f"{file} has format {header['format']!r}, this version reads {FORMAT}: update unif2ace")
        if not all(isinstance(header[k], t) for k, t in (("kind", str), ("net", dict), ("fingerprint", str))):
            raise KeyError("kind, net or fingerprint")
    except (KeyError, json.JSONDecodeError) as error:
        raise DataError(f"{file} has a damaged header ({error}); copy it again, or train anew") from error
    return header


def find_weights(path: str | Path, kind: str = "") -> Path:
    """The file or checkpoint that a path stands for; see `read_weights`.

    Raises:
        DataError: If there is none.
    """
    path = BUILTIN if kind and str(path) == "builtin" else Path(path)
    if kind and (path / f"{kind}.safetensors").is_file():
        return path / f"{kind}.safetensors"
    if is_checkpoint(path):
        return path
    if path.is_dir():
        last, place = newest(path), home(path)
        files = (path / FILE_NAME, *place.glob("*.ckpt"), *path.glob("*.ckpt"))
        found = [p for p in files if p.is_file()] + ([last] if last else [])
        if not found:
            raise DataError(f"{path} holds no {FILE_NAME} and no checkpoint that is whole: a run folder has one")
        return max(found, key=lambda p: (_written(p), p.name == FILE_NAME, p.name == "last.ckpt"))
    if not path.is_file():
        beside = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        raise DataError(f"no weights at {path}{nearest(path.name, beside)}; give a weights file or a run's folder")
    if path.suffix not in (".safetensors", ".ckpt"):
        raise DataError(f"{path} is neither a weights file (*.safetensors) nor a checkpoint")
    return path


def _written(path: Path) -> int:
    return (path / COMPLETE if path.is_dir() else path).stat().st_mtime_ns


def load_net(path: str | Path | Weights, kind: str, allow: Iterable[str] = ()) -> nn.Module:
    """The network of some weights, in evaluation mode on the CPU, in float32.

    Args:
        path: As `read_weights` takes it, or what it gave.
        kind: What the network must be.
        allow: Further admitted prefixes of classes: the configuration's `engine.allow`.

    Raises:
        DataError: If the file is damaged, or its tensors are not those of its network.
        ConfigError: If it holds another kind of network, or one that is not admitted.
    """
    weights = path if isinstance(path, Weights) else read_weights(path, kind)
    if weights.kind != kind:
        raise ConfigError(f"{weights.path} holds weights of kind {weights.kind!r}; {kind!r} is needed here")
    made = instantiate(_without_downloads(weights.config), allow=allow)
    net: nn.Module = made if hasattr(made, "state_dict") else made()
    check_names(weights, net.state_dict())
    net.load_state_dict(dict(weights.state))
    return net.eval()


def _without_downloads(node: Any) -> Any:
    """The configuration with every `pretrained: true` taken back: all weights come from the file."""
    if isinstance(node, Mapping):
        return {k: False if k == "pretrained" and v is True else _without_downloads(v) for k, v in node.items()}
    return [_without_downloads(v) for v in node] if isinstance(node, list) else node


def check_names(weights: Weights, wanted: Mapping[str, Tensor]) -> None:
    """Compares names and shapes of weights with those of a network.

    Args:
        weights: What was read.
        wanted: State of the network.

    Raises:
        DataError: If they differ.
    """
    target = weights.config.get("_target_", "its network")
    for name in sorted(wanted.keys() - weights.state.keys()):
        hint = nearest(name, weights.state.keys() - wanted.keys())
        raise DataError(f"{weights.path} lacks {name!r} of {target}: the code or the file has changed since{hint}")
    for name in sorted(weights.state.keys() - wanted.keys()):
        raise DataError(f"{weights.path} has {name!r}, which {target} has not: the code or the file has changed since")
    for name, value in wanted.items():
        if value.shape != weights.state[name].shape:
            found, here = tuple(weights.state[name].shape), tuple(value.shape)
            raise DataError(f"{weights.path}: {name!r} has shape {found}, in {target} it has {here}")
