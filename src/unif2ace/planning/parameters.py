"""The trained parameters of a module: part of the network, parameters used per token, and optimizer state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

PARTS = (
    ("net.conditioning.", "conditioning"),
    ("net.embedding.", "embedding"),
    ("net.code_embedding.embedding", "embedding"),
    ("net.image_pos_embed", "embedding"),
    ("net.code_embedding.", "head"),
    ("net.head.", "head"),
    ("norm.", "norms"),
    (".attention.", "attention"),
    (".token_moe.network.", "feed-forward"),
    (".token_moe.shared.", "shared experts"),
    (".token_moe.routed.router.", "routers"),
    (".token_moe.routed.", "routed experts"),
    (".sequence_moe.", "sequence level"),
    (".token_moe.", "token level"),
    (".encoder.", "encoder"),
    (".quantizer.", "quantizer"),
    (".decoder.", "decoder"),
    (".backbone.", "backbone"),
    (".heads.", "heads"),
)
"""Substrings of parameter names and the part of the network they belong to; the first match is used."""


@dataclass(frozen=True, slots=True)
class Weight:
    """One trained parameter tensor, unsharded.

    Attributes:
        name: Name in the module.
        part: Part of the network.
        numel: Number of elements.
        active: Elements that one token uses; all of them in a network without experts.
        itemsize: Bytes per element.
        state: Bytes of optimizer state per element.
        fixed: Bytes of further optimizer state, such as a step counter.
    """

    name: str
    part: str
    numel: int
    active: int
    itemsize: int
    state: int
    fixed: int


def weights_of(module: Any) -> list[Weight]:
    """The trained parameters of a module, after one step of its real optimizer.

    Args:
        module: A module with fake weights.
    """
    optimizer = module._make_optimizer(module.optimizer_groups())
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for parameter in parameters:
        parameter.grad = parameter.detach().clone()
    optimizer.step()
    names = {id(p): name for name, p in module.named_parameters()}
    owners = {id(p): m for m in module.modules() for p in m.parameters(recurse=False)}
    found = []
    for parameter in parameters:
        parameter.grad = None
        name, owner, numel = names[id(parameter)], owners[id(parameter)], parameter.numel()
        grows = fixed = 0
        for value in optimizer.state[parameter].values():
            if hasattr(value, "element_size") and value.shape == parameter.shape and value.ndim:
                grows += value.element_size()
            elif hasattr(value, "element_size"):
                fixed += value.nbytes
        used = _active(owner, name, parameter)
        found.append(Weight(name, part_of(name), numel, used, parameter.element_size(), grows, fixed))
    return found


def part_of(name: str) -> str:
    """The part of the network that a parameter belongs to; the outermost module if unknown.

    Args:
        name: Name in the module, such as ``net.blocks.0.attention.qkv.weight``.
    """
    known = next((part for piece, part in PARTS if piece in name), None)
    pieces = name.split(".")
    return known or (pieces[0] if pieces[0] != "net" else pieces[1])


def _active(owner: nn.Module, name: str, parameter: Any) -> int:
    from torch import nn

    from unif2ace.nets.moe.routed import RoutedExperts
    from unif2ace.nets.moe.routers.base import Router

    numel = int(parameter.numel())
    if isinstance(owner, nn.Embedding):
        return numel // len(parameter)  # one row
    if isinstance(owner, RoutedExperts):
        return numel * owner.router.top_k // (owner.router.groups * owner.router.num_experts)
    if isinstance(owner, Router):
        return numel // owner.groups
    if ".token_moe.shared.1." in name:
        return 0  # each token uses the expert of its group; both have the same size
    return numel
