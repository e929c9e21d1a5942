"""Weights files: a network's tensors, configuration and provenance in one safetensors file.

Reading such a file executes no code. The header entry ``unif2ace`` is JSON: kind and configuration of the network,
fingerprint, data sets, git commit and package versions.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from unif2ace.checkpoints.finding import COMPLETE, home, is_checkpoint, newest
from unif2ace.data.atomic import replacing
from unif2ace.engine.checkpoint_reading import FORMAT, OLD_NAMES, read_checkpoint
from unif2ace.engine.fingerprint import SHOWN, fingerprint, token_fingerprint
from unif2ace.engine.instantiate import instantiate
from unif2ace.errors import ConfigError, DataError, nearest

if TYPE_CHECKING:
    from torch import Tensor, nn

HEADER = "unif2ace"
FILE_NAME = "weights.safetensors"
BEST_FILE = "best.safetensors"
"""File name of the best weights in a run folder, see `callbacks.best_weights`."""
TEXT_FILE = "tokenizer.json"
"""File name of the text tokenizer in a run folder or a release folder."""
BUILTIN = Path(__file__).parents[1] / "builtin"
"""The release that is included in the package."""
Precision = Literal["float32", "bfloat16", "float16"]


@dataclass(frozen=True, slots=True)
class Weights:
    """Contents of a weights file or a checkpoint.

    Attributes:
        path: Weights file or checkpoint.
        kind: Kind of the network: ``tokenizer``, ``attributes`` or ``unified``.
        config: Configuration of the network: a plain tree with `_target_`.
        state: Tensors of any shape (...) by name, on the CPU.
        header: All metadata, see the module docstring.
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
        """The short fingerprint for messages and folder names."""
        return self.fingerprint[:SHOWN]

    @property
    def text_file(self) -> Path:
        """Path of the text tokenizer of these weights, in the run folder or the release folder."""
        folder = self.path.parent
        return (folder.parent if folder.name == "checkpoints" else folder) / TEXT_FILE

    @property
    def component_fingerprint(self) -> str:
        """Fingerprint of this network that dependent networks and token files record.

        For an image tokenizer the decoder is not hashed, so a new decoder works with existing tokens and models.
        """
        return token_fingerprint(self.state, self.config) if self.kind == "tokenizer" else self.fingerprint

    @property
    def trained_as(self) -> str:
        """Fingerprint of the weights that training wrote; a release may store them in another precision."""
        return str(self.header.get("trained_as", self.fingerprint))


def save_weights(
    path: str | Path,
    net: nn.Module | Mapping[str, Tensor],
    *,
    kind: str,
    config: Mapping[str, Any],
    provenance: Mapping[str, Any] | None = None,
    dtype: Precision | None = None,
) -> Weights:
    """Writes a weights file atomically.

    Args:
        path: The file; its folder is created.
        net: The network, or its state: tensors of any shape (...) by name.
        kind: See `Weights`.
        config: Configuration of the network, resolved.
        provenance: Further header entries, as plain JSON values.
        dtype: Precision in which floating-point tensors are stored; None keeps the precision of each tensor.

    Returns:
        The written weights.

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
    """A contiguous CPU copy of a tensor of any shape (...): safetensors rejects views and shared memory."""
    import torch

    whole = value.full_tensor() if hasattr(value, "full_tensor") else value  # sharded over ranks
    whole = whole.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
    return whole.to(getattr(torch, dtype)) if dtype and whole.is_floating_point() else whole


def _precision(state: Mapping[str, Tensor]) -> str:
    floating = {str(v.dtype).removeprefix("torch.") for v in state.values() if v.is_floating_point()}
    return ", ".join(sorted(floating)) or "none"


def read_weights(path: str | Path, kind: str = "") -> Weights:
    """Reads weights, their configuration and their header.

    Args:
        path: A ``.safetensors`` file, a training checkpoint (a directory ``step-*``, formerly a file ``*.ckpt``), or a
            run folder. From a run folder, the newest of its weights file and its checkpoints is read.
        kind: If given, `path` may also be a release folder, or ``builtin`` for the release included in the package.
            The file of this kind is read from the release.

    Raises:
        DataError: If there is no such file, it is damaged, or another program wrote it.
    """
    file = find_weights(path, kind)
    if file.suffix != ".safetensors":
        from unif2ace.nets.lora import merged, scale_of

        kind, config, state, header = read_checkpoint(file)
        state = merged(state, scale_of(header))
        return Weights(file, kind, config, state, header, fingerprint(state, config))
    import safetensors.torch

    header = _read_header(file)
    state = safetensors.torch.load_file(file)
    found = fingerprint(state, header["net"])
    if found != header["fingerprint"]:
        raise DataError(
            f"{file} is damaged: its weights have fingerprint {found[:SHOWN]}, but its header says "
            f"{header['fingerprint'][:SHOWN]}; copy the file again, or train again"
        )
    return Weights(file, header["kind"], header["net"], state, header, found)


def read_header(path: str | Path, kind: str = "") -> dict[str, Any]:
    """The header of weights, without their tensors.

    Args:
        path: As in `read_weights`.
        kind: As in `read_weights`.

    Raises:
        DataError: If there is no such file, it is damaged, or another program wrote it.
    """
    file = find_weights(path, kind)
    if file.suffix != ".safetensors":
        return read_checkpoint(file)[3]
    return _read_header(file)


def _read_header(file: Path) -> dict[str, Any]:
    """The header as written."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, "pt") as opened:
            text = (opened.metadata() or {}).get(HEADER)
    except SafetensorError as error:
        raise DataError(f"{file} is damaged ({error}); copy the file again, or train again") from error
    try:
        header = json.loads(text or "null")
        if not isinstance(header, dict):
            raise DataError(
                f"{file} does not name its network: it was not written by unif2ace-train; to import weights of another "
                f"project, run `unif2ace-checkpoint import NAME {file} out=...`"
            )
        if header["format"] not in (1, FORMAT):
            raise DataError(f"{file} has format {header['format']!r}, but this version reads {FORMAT}: update unif2ace")
        if header["format"] == 1 and header.pop("companions", {}):
            raise DataError(f"{file} {OLD_NAMES}: use the file with version 0.1, or train the network again")
        if not all(isinstance(header[k], t) for k, t in (("kind", str), ("net", dict), ("fingerprint", str))):
            raise KeyError("kind, net or fingerprint")
    except (KeyError, json.JSONDecodeError) as error:
        raise DataError(f"{file} has a damaged header ({error}); copy the file again, or train again") from error
    return header


def find_weights(path: str | Path, kind: str = "") -> Path:
    """The weights file or checkpoint at a path; see `read_weights`.

    Raises:
        DataError: If there are no weights.
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
            raise DataError(f"{path} has no {FILE_NAME} and no complete checkpoint: give a run folder that has one")
        return max(found, key=lambda p: (_written(p), p.name == FILE_NAME, p.name == "last.ckpt"))
    if not path.is_file():
        beside = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        raise DataError(f"no weights at {path}{nearest(path.name, beside)}; give a weights file or a run folder")
    if path.suffix not in (".safetensors", ".ckpt"):
        raise DataError(
            f"{path} is not a weights file (*.safetensors) or checkpoint (*.ckpt); give such a file or a run folder"
        )
    return path


def _written(path: Path) -> int:
    return (path / COMPLETE if path.is_dir() else path).stat().st_mtime_ns


def load_net(path: str | Path | Weights, kind: str, allow: Iterable[str] = ()) -> nn.Module:
    """Loads a trained network, in evaluation mode on the CPU, in float32.

    Args:
        path: As in `read_weights`, or its result.
        kind: Required kind of the network.
        allow: Module prefixes whose classes a weights file may name, besides the default ones (`engine.allow`).

    Raises:
        DataError: If the file is damaged, or its tensors do not fit its network.
        ConfigError: If the network is of another kind, or its class is not allowed.
    """
    weights = path if isinstance(path, Weights) else read_weights(path, kind)
    if weights.kind != kind:
        raise ConfigError(f"{weights.path} holds weights of kind {weights.kind!r}; give weights of kind {kind!r}")
    made = instantiate(_without_downloads(weights.config), allow=allow)
    net: nn.Module = made if hasattr(made, "state_dict") else made()
    check_names(weights, net.state_dict())
    net.load_state_dict(dict(weights.state))
    return net.eval()


def _without_downloads(node: Any) -> Any:
    """Sets every `pretrained: true` in a configuration to false: all weights come from the file."""
    if isinstance(node, Mapping):
        return {k: False if k == "pretrained" and v is True else _without_downloads(v) for k, v in node.items()}
    return [_without_downloads(v) for v in node] if isinstance(node, list) else node


def check_names(weights: Weights, wanted: Mapping[str, Tensor]) -> None:
    """Checks that names and shapes of weights match a network.

    Args:
        weights: Result of `read_weights`.
        wanted: State dict of the network: tensors of any shape (...) by name.

    Raises:
        DataError: If a name or shape differs.
    """
    target = weights.config.get("_target_", "its network")
    for name in sorted(wanted.keys() - weights.state.keys()):
        hint = nearest(name, weights.state.keys() - wanted.keys())
        raise DataError(f"{weights.path} lacks tensor {name!r} of {target}: the code or the file has changed{hint}")
    for name in sorted(weights.state.keys() - wanted.keys()):
        raise DataError(f"{weights.path} has tensor {name!r}, which {target} lacks: the code or the file has changed")
    for name, value in wanted.items():
        if value.shape != weights.state[name].shape:
            found, here = tuple(weights.state[name].shape), tuple(value.shape)
            raise DataError(f"{weights.path}: tensor {name!r} has shape {found}, but shape {here} in {target}")
