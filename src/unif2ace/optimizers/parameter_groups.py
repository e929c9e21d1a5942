"""Default parameter groups, by the kind of weights. Frozen parameters are in no group."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from torch import nn

SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "matrix": {},
    "stack": {"stacked": True},
    "table": {"weight_decay": 0.0, "orthogonal": False},
}
"""Optimiser options for each kind of weights, see `parameter_groups` and `Muon`."""


def parameter_groups(net: nn.Module) -> list[dict[str, Any]]:
    """Groups the parameters of a network by the kind of their weights, which is the name of the group.

    A module can set the kind of its weights with an attribute ``weight_kind``; the default is ``matrix``. ``stack`` is
    for matrices stacked along leading axes, such as experts. ``table`` is for weights with one row per item, such as a
    router or a head. Embeddings, vectors and scalars are ``table`` too. This group has no weight decay and no
    orthogonalised updates.
    """
    return by_kind(net, net.parameters())


def by_kind(net: nn.Module, parameters: Iterable[nn.Parameter], name: str = "") -> list[dict[str, Any]]:
    """Groups some parameters of a network by kind, without frozen parameters.

    Args:
        net: The network.
        parameters: Some parameters of `net`, in the order for the optimiser.
        name: Name of the group; several groups are named ``NAME/KIND``. If empty, the groups are named ``KIND``.
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
