"""Fingerprints of networks: SHA-256 hashes of weights and configurations."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn

SHOWN = 12
"""Number of leading characters of a fingerprint that messages and folder names show."""


def fingerprint(net: nn.Module | Mapping[str, Tensor], config: Mapping[str, Any]) -> str:
    """SHA-256 of the names, types, shapes and values of all weights, and of the configuration.

    Half-precision values are converted to float32 first: a half-precision file and the float32 network loaded from it
    then have the same fingerprint.

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
    """SHA-256 of an image tokenizer without its decoder. Tokenizers with equal hashes produce the same tokens.

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
