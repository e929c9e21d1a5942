"""Initialises a mixture of experts from a trained dense network, without changing its function.

As in sparse upcycling (arXiv 2212.05055), but the dense feed-forward network becomes the shared expert, and all new
parts initially have no effect.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

import torch
from torch import Tensor

from unif2ace.errors import ConfigError, and_more
from unif2ace.nets.transformer.blocks.base import Block
from unif2ace.nets.transformer.unified import UnifiedNet

_DENSE = "token_moe.network."
"""Prefix of the feed-forward network in the state of a dense block."""


@torch.no_grad()
def upcycle_(net: UnifiedNet, dense_state: Mapping[str, Tensor]) -> None:
    """Sets the network's weights so that its logits equal those of the dense network.

    Args:
        net: A network whose blocks and experts support upcycling.
        dense_state: State of a dense `UnifiedNet` of the same sizes, with an embedding (V, D).

    Raises:
        ConfigError: If the blocks or experts cannot keep the function, or sizes differ.
    """
    net.load_state_dict(upcycled(net, dense_state), strict=False)


def upcycled(net: UnifiedNet, dense_state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors that make a network compute a dense network's function; its other tensors then have no effect.

    The network may be sharded: only names and shapes of its tensors are read.

    Args:
        net: As in `upcycle_`.
        dense_state: As in `upcycle_`.

    Raises:
        ConfigError: If the blocks or experts cannot keep the function, or sizes differ.
    """
    own = net.state_dict()
    made = {name: value for name, value in dense_state.items() if _DENSE not in name}
    new = {name: value for name, value in own.items() if not _changes(name)}
    differ = sorted(
        n for n in made.keys() | new.keys() if n not in made or n not in new or made[n].shape != new[n].shape
    )
    if any("token_norm" in name for name in differ):
        raise ConfigError(
            "this network and the dense network have different blocks: set block=parallel for a dense network with "
            "parallel blocks, or block=sequential for one with sequential blocks"
        )
    if differ:
        raise ConfigError(
            f"the dense network and this network differ in {differ[0]!r}{and_more(differ)}: "
            "set the same norm, attention and sizes as in the dense network"
        )
    for layer, child in enumerate(net.blocks):
        block = cast(Block, child)
        place = f"blocks.{layer}."
        prefix = f"{place}{_DENSE}"
        dense = {k.removeprefix(prefix): v for k, v in dense_state.items() if k.startswith(prefix)}
        made |= {f"{place}token_moe.{name}": value for name, value in block.token_moe.upcycled(dense).items()}
        if block.sequence_moe is not None:
            made |= {f"{place}sequence_moe.{name}": value for name, value in block.sequence_moe.upcycled().items()}
    return made


def dense_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state of the dense network that computes the same function; the inverse of `upcycled`.

    Args:
        state: State of a `UnifiedNet` with any kind of experts.

    Raises:
        ConfigError: If the experts have been trained, so that no dense network computes the same function.
    """
    made = {name: value for name, value in state.items() if not _changes(name)}
    for name, value in state.items():
        layer, _, part = name.partition("_moe.")
        block = layer.removesuffix("token")
        if name.endswith(("routed.weight_out", "sequence_moe.scale")) and bool(value.any()):
            raise ConfigError(
                f"{name} is not 0: the experts have been trained, so no dense network computes the same function; "
                "use weights trained with moe=dense"
            )
        if part.startswith("network."):
            made[name] = value
        elif part.startswith("shared."):
            _, number, rest = part.split(".", 2)
            first = state[f"{layer}_moe.shared.0.{rest}"]
            if number != "0" and not torch.equal(value, first):
                raise ConfigError(
                    f"{name} differs from {layer}_moe.shared.0.{rest}: both shared experts have been trained, but a "
                    "dense network has only one"
                )
            made[f"{block}{_DENSE}{rest}"] = first
    return made


def is_dense(names: Iterable[str]) -> bool:
    """Whether tensors of these names are those of a dense `UnifiedNet`."""
    return any(_DENSE in name for name in names)


def _changes(name: str) -> bool:
    """Whether the dense network lacks a tensor or stores it in another form."""
    place = name.split(".")
    added = place[0] == "conditioning"
    return added or (place[0] == "blocks" and place[2] in ("token_moe", "sequence_moe", "sequence_norm"))
