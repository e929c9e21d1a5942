"""Converts the keys of an optimiser's state dict from parameter indices to parameter names, and back.

Single-file checkpoints use indices, sharded ones use names. Indices follow the optimiser's parameter groups, not the
order of the module's parameters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn
from torch.optim import Optimizer

from unif2ace.errors import DataError

NAMES = "parameter_names"
"""Checkpoint entry with the parameter names of each optimiser, in index order."""


def names_of(module: nn.Module, optimizer: Optimizer) -> list[str]:
    """Names of the parameters of an optimiser, in index order."""
    known = {id(parameter): name for name, parameter in module.named_parameters()}
    for wrapper in ("_orig_mod.", "_checkpoint_wrapped_module."):
        known = {place: name.replace(wrapper, "") for place, name in known.items()}
    return [known[id(parameter)] for group in optimizer.param_groups for parameter in group["params"]]


def named(state: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Converts an optimiser's state dict from parameter indices to parameter names.

    Args:
        state: State dict with parameter indices.
        names: Names of the parameters, in index order.

    Raises:
        DataError: If the state has another number of parameters than `names`.
    """
    groups = state["param_groups"]
    if (count := sum(len(group["params"]) for group in groups)) != len(names):
        raise DataError(
            f"the optimiser state has {count} parameters, the network {len(names)}: resume with the network of the run"
        )
    return {
        "state": {names[number]: value for number, value in state["state"].items()},
        "param_groups": [{**group, "params": [names[number] for number in group["params"]]} for group in groups],
    }


def numbered(state: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Converts an optimiser's state dict from parameter names to parameter indices.

    Args:
        state: State dict with parameter names.

    Returns:
        State dict with parameter indices, and the parameter names in index order.
    """
    names = [name for group in state["param_groups"] for name in group["params"]]
    number = {name: place for place, name in enumerate(names)}
    return {
        "state": {number[name]: value for name, value in state.get("state", {}).items()},
        "param_groups": [{**g, "params": [number[name] for name in g["params"]]} for g in state["param_groups"]],
    }, names
