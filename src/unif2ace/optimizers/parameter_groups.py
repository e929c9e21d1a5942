"""Parameter groups: which weights get which learning rate, decay and update. Frozen parameters are in no group."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from torch import nn

SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "matrix": {},
    "stack": {"stacked": True},
    "table": {"weight_decay": 0.0, "orthogonal": False},
}
"""Optimiser options of each kind of weights."""


def parameter_groups(net: nn.Module) -> list[dict[str, Any]]:
    """Parameters grouped by how an optimiser should treat them.

    A module may set an attribute ``weight_kind`` for its own weights: ``stack`` for matrices that are stacked along
    leading axes, such as experts, or ``table`` for rows that are looked up or scored, such as a router or a head.
    Tables, embeddings, vectors and scalars neither decay nor are they made orthogonal. The kind is the group's name.
    """
    return by_kind(net, net.parameters())


def by_kind(net: nn.Module, parameters: Iterable[nn.Parameter], name: str = "") -> list[dict[str, Any]]:
    """The groups of some parameters of a network; those that are frozen are left out.

    Args:
        net: The network.
        parameters: Some of its parameters, in the order in which the optimiser holds them.
        name: Name of the groups; followed by the kind if there are several. Empty for the kind alone.
    """
    kinds: dict[int, str] = {}
    for module in net.modules():
        kind = getattr(module, "weight_kind", "table" if isinstance(module, nn.Embedding) else None)
        kinds |= {id(p): kind for p in module.parameters(recurse=False) if kind}
    groups: dict[str, list[nn.Parameter]] = {kind: [] for kind in SETTINGS}
    for parameter in parameters:
        if parameter.requires_grad:
            groups["table" if parameter.ndim <= 1 else kinds.get(id(parameter), "matrix")].append(parameter)
    found = {kind: params for kind, params in groups.items() if params}
    names = {kind: f"{name}/{kind}" if name and len(found) > 1 else name or kind for kind in found}
    return [{"params": params, "name": names[kind], **SETTINGS[kind]} for kind, params in found.items()]
