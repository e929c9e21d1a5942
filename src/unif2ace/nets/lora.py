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
"""Parts of the names of an adapted layer's tensors: its own weights, A (r, I) and B (O, r)."""
LAYERS = ("attention.qkv", "attention.out", "token_moe.[ns]*")
"""Attention, and the dense network or the shared experts of a block."""


class LoRA:
    r"""Trains low-rank updates of linear layers of each block; all other weights keep their values.

    Formula: :math:`W + \tfrac{\alpha}{r} B A`, with A (r, I) random and B (O, r) zero at first, so that training starts
    from the function of the weights. The fused layer of queries, keys and values has one update: they share A, and each
    has its own rows of B. Routed experts are stacked parameters and not linear layers: they, the routers, the
    sequence-level experts and all embeddings are not adapted.

    Args:
        rank: r.
        alpha: :math:`\alpha`.
        dropout: Dropout of the adapters' input, in [0, 1).
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
                f"finetune.rank={rank}, alpha={alpha}, dropout={dropout}: rank 1 or more, alpha above 0, "
                "dropout in [0, 1)"
            )
        self.rank, self.alpha, self.dropout, self.layers = rank, alpha, dropout, tuple(layers)

    @property
    def scale(self) -> float:
        """Factor of B A."""
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
                    f"finetune.layers: {pattern!r} matches no linear layer of a block; there are {', '.join(linear)}"
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
    """Trained weights under the names of a network with adapters, and that network's adapters.

    Args:
        given: Tensors of any shape (...) of the network without adapters.
        own: State of the network with adapters.
    """
    names = {name.replace(BASE, "."): name for name in own if BASE in name}
    return {names.get(n, n): v for n, v in given.items()} | {n: v for n, v in own.items() if n.endswith((DOWN, UP))}


def adapters_of(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The adapters' tensors, (r, I) and (O, r); none for a network without."""
    return {name: value for name, value in state.items() if name.endswith((DOWN, UP))}


def merged(state: Mapping[str, Tensor], scale: float) -> dict[str, Tensor]:
    """The state of the network without adapters that computes the same.

    Args:
        state: Tensors of any shape (...) of the network, and of its adapters; without adapters it is returned.
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
