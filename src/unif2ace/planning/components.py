"""Frozen networks of a planned module: built on fake tensors if their files exist, else replaced by stand-ins."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from unif2ace.engine.instantiate import instantiate
from unif2ace.engine.resolvers import attribute_groups
from unif2ace.engine.weights import read_header
from unif2ace.errors import DataError, Unif2aceError

if TYPE_CHECKING:
    from torch import nn

FACTOR = 16
"""Pixels per image token along each side if there is no image tokenizer yet, as for MAGVIT-v2."""


def image_tokenizer(path: str, quantizer: Any, allow: Iterable[str], mode: Any) -> tuple[nn.Module | None, Any]:
    """Returns the frozen image tokenizer on fake tensors, and a small module with `factor` and `quantizer`.

    Args:
        path: Path of its weights.
        quantizer: The configuration's quantizer node, used if there are no weights.
        allow: Module prefixes whose classes a weights file may name, besides the default ones (`engine.allow`).
        mode: The fake-tensor mode.

    Returns:
        A pair: the tokenizer on fake tensors, or None if there are no weights; and a small module with `factor` and
        `quantizer`, whose tensors are real.
    """
    import torch

    try:
        config: Any = without_loading(read_header(path, "tokenizer")["net"])
        quantizer = config["quantizer"]
        with mode:
            whole = staying(lambda: _made(config, allow))().eval().requires_grad_(False)
    except DataError:
        whole = None
    known: Any = torch.nn.Module()
    known.factor = FACTOR if whole is None else whole.factor
    known.quantizer = _made(quantizer, allow)
    return whole, staying(lambda: known)()


def visual_encoder(
    node: Mapping[str, Any], allow: Iterable[str], mode: Any, vectors: int
) -> tuple[nn.Module | None, nn.Module]:
    """A frozen visual encoder on fake tensors, and its stand-in.

    Args:
        node: Configuration of the encoder.
        allow: Module prefixes whose classes a weights file may name, besides the default ones (`engine.allow`).
        mode: The fake-tensor mode.
        vectors: Number of vectors per image to assume if unknown.

    Returns:
        A pair. If the weights exist, both are the encoder; otherwise None and a module that returns `vectors` vectors.
    """
    try:
        built = without_loading(node)
        if built == node:  # the weights come from a package or a download
            raise DataError("unknown")
        with mode:
            encoder = staying(lambda: _made(built, allow))().eval().requires_grad_(False)
        return encoder, encoder
    except Unif2aceError:
        return None, staying(lambda: _unknown_encoder(vectors, int(node["dim"])))()


def without_loading(node: Any) -> Any:
    """The node with each loaded network replaced by its configuration; nothing is downloaded.

    Args:
        node: A plain configuration.

    Raises:
        DataError: If there are no weights at one of the paths.
    """
    if isinstance(node, list):
        return [without_loading(child) for child in node]
    if not isinstance(node, Mapping):
        return node
    if str(node.get("_target_", "")).endswith(".load_net"):
        node = {**_config_of(node), "_partial_": True}
    return {k: False if k == "pretrained" else without_loading(v) for k, v in node.items()}


def _config_of(node: Mapping[str, Any]) -> Mapping[str, Any]:
    """Configuration of the network that a `load_net` loads; a default one for a missing classifier."""
    try:
        config: Mapping[str, Any] = read_header(node["path"], node["kind"])["net"]
    except DataError:
        if node["kind"] != "attributes":
            raise
        return {"_target_": "unif2ace.nets.attributes.AttributesNet", "groups": attribute_groups()}
    return config


def features(node: Mapping[str, Any], allow: Iterable[str], mode: Any) -> nn.Module:
    """The frozen network of a perceptual loss, on fake tensors.

    Args:
        node: Configuration of the network.
        allow: Module prefixes whose classes a weights file may name, besides the default ones (`engine.allow`).
        mode: The fake-tensor mode.
    """
    import torch

    net: nn.Module = _made(without_loading(node), allow)
    for module in net.modules():
        for name, weight in module._parameters.items():
            if weight is not None:
                module._parameters[name] = torch.nn.Parameter(mode.from_tensor(weight.detach()), requires_grad=False)
        for name, buffer in module._buffers.items():
            if buffer is not None:
                module._buffers[name] = mode.from_tensor(buffer)
    return net


def staying(make: Callable[..., Any]) -> Callable[..., Any]:
    """Wraps a factory so that `to` has no effect on its networks: fake weights cannot be moved.

    Args:
        make: The factory.
    """

    def made(*args: Any, **kwargs: Any) -> Any:
        net = make(*args, **kwargs)
        net.to = lambda *_, **__: net
        return net

    return made


def _made(node: Any, allow: Iterable[str]) -> Any:
    made = instantiate(node, allow=allow)
    return made if hasattr(made, "state_dict") else made()


def _unknown_encoder(vectors: int, dim: int) -> nn.Module:
    import torch

    from unif2ace.types import Condition

    class Unknown(torch.nn.Module):
        def forward(self, image: torch.Tensor) -> Condition:
            values = torch.zeros(len(image), vectors, dim)
            return Condition(values, torch.ones(len(image), dtype=torch.bool))

    return Unknown()
