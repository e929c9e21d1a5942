"""Frozen features of any timm backbone, with local or published weights."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import safetensors.torch
import timm
import torch
from torch import Tensor

from unif2ace.errors import ConfigError, nearest
from unif2ace.nets.features.backbone import BackboneFeatures, digest_of_tensors, file_digest, timm_network


class TimmFeatures(BackboneFeatures):
    """Features of a timm backbone.

    Args:
        backbone: Name of a timm model.
        weights: A ``.safetensors`` file, or a `torch.save` file that holds a state dict, either itself or under the key
            ``state_dict`` as in a training checkpoint. Weights of the classifier are ignored.
        prefix: Load only tensors whose names start with this prefix, such as ``net.backbone.``; the prefix is removed.
        pretrained: Whether timm loads published weights instead of a file, downloaded unless cached.
        input_size: Side in pixels to which images are resized before pooling.
        map_size: Side in pixels to which images are resized for the maps of `forward`; None keeps their size.
        mean: Mean per channel with which the weights were trained, for pixel values in [0, 1]; None for timm's value of
            the backbone.
        std: Standard deviation per channel; None for timm's value of the backbone.

    Raises:
        ConfigError: If timm has no such model, or weights are missing or do not fit.
    """

    def __init__(
        self,
        backbone: str,
        weights: str | None = None,
        prefix: str = "",
        pretrained: bool = False,
        input_size: int = 128,
        map_size: int | None = None,
        mean: tuple[float, float, float] | None = None,
        std: tuple[float, float, float] | None = None,
    ) -> None:
        if not timm.is_model(backbone):
            hint = nearest(backbone, timm.list_models())
            raise ConfigError(f"features.backbone={backbone!r}: timm has no such model{hint}")
        if (weights is not None) == pretrained:
            raise ConfigError(
                f"features.weights={weights!r}, features.pretrained={pretrained}: set either features.weights=FILE or "
                "features.pretrained=true"
            )
        if weights is None:
            net = _published(backbone)
            digest = digest_of_tensors(net)
        else:
            digest = file_digest(Path(weights))
            net = timm_network(backbone, num_classes=0)
            _load(net, weights, prefix)
        own = net.pretrained_cfg
        name = f"{backbone}-{digest[:8]}"
        super().__init__(net, name, input_size, map_size, mean or own["mean"], std or own["std"])


def _published(backbone: str) -> Any:
    try:
        return timm_network(backbone, pretrained=True, num_classes=0)
    except Exception as error:  # a hub fails in many ways
        raise ConfigError(
            f"features.backbone={backbone!r}: the published weights cannot be downloaded ({_first_line(error)}); "
            "without internet access set features.weights=FILE or features=efficientnet_lite0"
        ) from error


def _load(net: Any, weights: str, prefix: str) -> None:
    found = _read(Path(weights))
    state = {k.removeprefix(prefix): v for k, v in found.items() if k.startswith(prefix)}
    if not state:
        raise ConfigError(
            f"features.prefix={prefix!r}: no tensor of {weights!r} has this prefix; the first is {next(iter(found))!r}"
        )
    heads = net.pretrained_cfg.get("classifier") or ()
    classifiers = tuple(f"{head}." for head in ((heads,) if isinstance(heads, str) else heads))
    try:
        net.load_state_dict({k: v for k, v in state.items() if not k.startswith(classifiers)})
    except RuntimeError as error:
        raise ConfigError(f"features.weights={weights!r} do not fit features.backbone: {error}") from error


def _read(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            return dict(safetensors.torch.load_file(path))
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, pickle.UnpicklingError, safetensors.SafetensorError) as error:
        raise ConfigError(f"features.weights={str(path)!r} cannot be read: {_first_line(error)}") from error
    found = found.get("state_dict", found) if isinstance(found, dict) else {}
    tensors = {k: v for k, v in found.items() if isinstance(v, Tensor)}
    if not tensors:
        raise ConfigError(f"features.weights={str(path)!r} holds no state dict: give a file with tensors by name")
    return tensors


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
