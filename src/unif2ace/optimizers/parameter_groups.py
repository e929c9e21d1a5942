"""Parameter groups: which weights get which learning rate, decay and update. Frozen parameters are in no group."""

from __future__ import annotations

from typing import Any

from torch import nn


def parameter_groups(net: nn.Module) -> list[dict[str, Any]]:
    """Parameters grouped by how an optimiser should treat them.

    A module may set an attribute ``weight_kind`` for its own weights: ``stack`` for matrices that are stacked along
    leading axes, such as experts, or ``table`` for rows that are looked up or scored, such as a router or a head.
    Tables, embeddings, vectors and scalars neither decay nor are they made orthogonal.
    """
    kinds: dict[int, str] = {}
    for module in net.modules():
        kind = getattr(module, "weight_kind", "table" if isinstance(module, nn.Embedding) else None)
        kinds |= {id(p): kind for p in module.parameters(recurse=False) if kind}
    groups: dict[str, list[nn.Parameter]] = {"matrix": [], "stack": [], "table": []}
    for parameter in net.parameters():
        if parameter.requires_grad:
            groups["table" if parameter.ndim <= 1 else kinds.get(id(parameter), "matrix")].append(parameter)
    settings: dict[str, dict[str, Any]] = {
        "matrix": {},
        "stack": {"stacked": True},
        "table": {"weight_decay": 0.0, "orthogonal": False},
    }
    return [{"params": params, **settings[kind]} for kind, params in groups.items() if params]
