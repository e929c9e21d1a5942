"""Initialises a mixture of experts from a trained dense network, without changing its function.

Sparse upcycling (arXiv 2212.05055), except that the dense feed-forward network becomes the shared expert and all new
parts start without effect.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from unif2ace.errors import ConfigError
from unif2ace.nets.transformer.blocks.parallel import ParallelBlock
from unif2ace.nets.transformer.unified import UnifiedNet

_DENSE = "token_moe.network."
"""Prefix of the feed-forward network in the state of a dense block."""


@torch.no_grad()
def upcycle_(net: UnifiedNet, dense_state: Mapping[str, Tensor]) -> None:
    """Sets the network's weights so that its logits equal those of the dense network.

    Args:
        net: A network with parallel blocks and experts that support it.
        dense_state: State of a dense `UnifiedNet` of the same sizes, with an embedding (V, D).

    Raises:
        ConfigError: If the blocks or experts cannot keep the function, or sizes differ.
    """
    blocks = list(net.blocks)
    if not all(isinstance(block, ParallelBlock) for block in blocks):
        raise ConfigError("only block=parallel keeps the function of a dense network: select it, or train from scratch")
    own = net.state_dict()
    kept = {name: value for name, value in dense_state.items() if _DENSE not in name}
    new = {name: value for name, value in own.items() if not _changes(name)}
    differ = sorted(
        n for n in kept.keys() | new.keys() if n not in kept or n not in new or kept[n].shape != new[n].shape
    )
    if differ:
        raise ConfigError(f"{differ[0]!r} and {len(differ) - 1} more differ between the dense network and this one")
    net.load_state_dict(kept, strict=False)
    for layer, block in enumerate(blocks):
        assert isinstance(block, ParallelBlock)
        prefix = f"blocks.{layer}.{_DENSE}"
        block.token_moe.upcycle_({k.removeprefix(prefix): v for k, v in dense_state.items() if k.startswith(prefix)})
        if block.sequence_moe is not None:
            block.sequence_moe.upcycle_()


def _changes(name: str) -> bool:
    """Whether the dense network lacks a tensor or stores it in another form."""
    place = name.split(".")
    added = place[0] == "conditioning"
    return added or (place[0] == "blocks" and place[2] in ("token_moe", "sequence_moe", "sequence_norm"))
