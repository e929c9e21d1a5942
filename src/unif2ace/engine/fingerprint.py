"""Fingerprints of networks: hashes of weights and configurations."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn

SHOWN = 12
"""Number of characters of a fingerprint in messages and folder names."""


def fingerprint(net: nn.Module | Mapping[str, Tensor], config: Mapping[str, Any]) -> str:
    """Hash of names, shapes and values of all weights, and of the configuration.

    Half-precision values are converted to float32 first, so that a file and the network loaded from it agree.

    Args:
        net: A network, or its state: tensors of any shape (...) by name.
        config: Configuration of the network, as plain JSON values.

    Returns:
        64 hexadecimal characters.
    """
    import torch

    state = net.state_dict() if isinstance(net, torch.nn.Module) else net
    digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode())
    for name in sorted(state):
        value = state[name].detach().cpu()
        if value.dtype in (torch.float16, torch.bfloat16):
            value = value.float()
        digest.update(f"\n{name} {str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}\n".encode())
        digest.update(value.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def token_fingerprint(net: nn.Module | Mapping[str, Tensor], config: Mapping[str, Any]) -> str:
    """Hash of an image tokenizer without its decoder. Equal ones make equal tokens of an image.

    Args:
        net: An image tokenizer, or its state: tensors of any shape (...) by name.
        config: Configuration of the network, as plain JSON values. Only its entry ``quantizer`` is hashed: the
            tensors determine the rest.

    Returns:
        64 hexadecimal characters.
    """
    import torch

    state = net.state_dict() if isinstance(net, torch.nn.Module) else net
    kept = {name: value for name, value in state.items() if not name.startswith("decoder.")}
    return fingerprint(kept, {"quantizer": config.get("quantizer")})
