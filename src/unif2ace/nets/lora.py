"""Low-rank adapters of linear layers (LoRA, arXiv 2106.09685), by the library peft.

Shapes: O outputs and I inputs of a layer, r rank.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import Tensor, nn

from unif2ace.errors import ConfigError, check_list

BASE, DOWN, UP = ".base_layer.", ".lora_A.default.weight", ".lora_B.default.weight"
"""Parts of tensor names by which peft marks an adapted layer's own weights, A (r, I) and B (O, r)."""
LAYERS = ("attention.qkv", "attention.out", "token_moe.[ns]*")
"""Default layers: attention, and the dense feed-forward network or the shared experts of a block."""


class LoRA:
    r"""Trains low-rank updates of linear layers of each block; all other weights keep their values.

    Formula: :math:`W + \tfrac{\alpha}{r} B A`. A (r, I) starts random and B (O, r) starts at zero, so the initial
    output is that of W. Queries, keys and values are one fused layer: they share A, and each has its own rows of B.
    Routed experts, routers, sequence-level experts and embeddings are not adapted, because they are not `nn.Linear`
    layers.

    Args:
        rank: Rank r of an update, 1 or more.
        alpha: :math:`\alpha`, above 0; an update is multiplied by alpha / rank.
        dropout: Dropout probability of the adapters' input, in [0, 1).
        layers: Shell-style patterns of names of linear layers within a block.

    Raises:
        ConfigError: If a value is out of range.
    """

    def __init__(
        self, rank: int = 8, alpha: float = 16.0, dropout: float = 0.0, layers: Sequence[str] = LAYERS
    ) -> None:
        check_list(layers, "finetune.layers")
        if rank < 1 or alpha <= 0 or not 0 <= dropout < 1:
            raise ConfigError(
                f"finetune.rank={rank}, finetune.alpha={alpha}, finetune.dropout={dropout}: rank must be 1 or more, "
                "alpha above 0 and dropout in [0, 1)"
            )
        self.rank, self.alpha, self.dropout, self.layers = rank, alpha, dropout, tuple(layers)

    @property
    def scale(self) -> float:
        """The scale alpha / rank, by which the update B A is multiplied."""
        return self.alpha / self.rank

    def adapt_(self, block: nn.Module) -> None:
        """Adds adapters to the linear layers of a block, and freezes its other weights.

        Raises:
            ConfigError: If peft is not installed, or a pattern matches no linear layer.
        """
        try:
            peft: Any = importlib.import_module("peft")
        except ImportError as error:
            raise ConfigError("finetune=lora needs a package: pip install peft, or install unif2ace[lora]") from error
        linear = [name for name, module in block.named_modules() if isinstance(module, nn.Linear)]
        for pattern in self.layers:
            if not any(fnmatchcase(name, pattern) for name in linear):
                raise ConfigError(
                    f"finetune.layers: {pattern!r} matches no linear layer of a block; choose from {', '.join(linear)}"
                )
        chosen = [name for name in linear if any(fnmatchcase(name, pattern) for pattern in self.layers)]
        options = {"r": self.rank, "lora_alpha": self.alpha, "lora_dropout": self.dropout}
        peft.inject_adapter_in_model(peft.LoraConfig(target_modules=chosen, **options), block)
        for name, module in block.named_modules():
            if name.endswith((DOWN.removesuffix(".weight"), UP.removesuffix(".weight"))):
                module.weight_kind = "table"  # no decay, and AdamW's step under Muon

    @staticmethod
    def freeze_(net: nn.Module) -> None:
        """Freezes all weights except adapters."""
        for name, parameter in net.named_parameters():
            parameter.requires_grad_(name.endswith((DOWN, UP)))


def adapted_names(given: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Renames trained weights for a network with adapters, and adds that network's adapters.

    Args:
        given: Weights of the network without adapters, by name, of any shape (...).
        own: State of the network with adapters.
    """
    names = {name.replace(BASE, "."): name for name in own if BASE in name}
    return {names.get(n, n): v for n, v in given.items()} | {n: v for n, v in own.items() if n.endswith((DOWN, UP))}


def adapters_of(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The adapters' tensors, A (r, I) and B (O, r), by name; empty for a network without adapters."""
    return {name: value for name, value in state.items() if name.endswith((DOWN, UP))}


def merged(state: Mapping[str, Tensor], scale: float) -> dict[str, Tensor]:
    """Merges adapters into the weights: the returned state has no adapters and computes the same function.

    Args:
        state: Tensors of any shape (...) of the network and its adapters. Without adapters the state is returned
            unchanged.
        scale: Factor of B A.
    """
    found: dict[str, Tensor] = {}
    for name, value in state.items():
        if name.endswith((DOWN, UP)):
            continue
        plain = name.replace(BASE, ".")
        layer = plain.removesuffix(".weight")
        if f"{layer}{DOWN}" in state and plain.endswith(".weight"):
            wide = torch.promote_types(value.dtype, torch.float32)
            update = state[f"{layer}{UP}"].to(wide) @ state[f"{layer}{DOWN}"].to(wide)
            found[plain] = (value.to(wide) + scale * update).to(value.dtype)
        else:
            found[plain] = value
    return found


def scale_of(header: Mapping[str, Any]) -> float:
    """Factor of B A of the run that wrote a header; 0 for a run without adapters.

    Args:
        header: Metadata of a weights file or a checkpoint.
    """
    options = (header.get("module") or {}).get("finetune") or {}
    return float(options["alpha"]) / int(options["rank"]) if "rank" in options else 0.0
