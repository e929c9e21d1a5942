"""Converts an optimiser's state between parameter indices, as one process saves it, and parameter names.

Indices follow the optimiser's parameter groups, which is not the order of the module's parameters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn
from torch.optim import Optimizer

from unif2ace.errors import DataError

NAMES = "parameter_names"
"""Entry of a checkpoint: for each optimiser the names of its parameters in index order."""


def names_of(module: nn.Module, optimizer: Optimizer) -> list[str]:
    """Names of an optimiser's parameters in index order."""
    known = {id(parameter): name for name, parameter in module.named_parameters()}
    for wrapper in ("_orig_mod.", "_checkpoint_wrapped_module."):
        known = {place: name.replace(wrapper, "") for place, name in known.items()}
    return [known[id(parameter)] for group in optimizer.param_groups for parameter in group["params"]]


def named(state: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """An optimiser's state by parameter names.

    Args:
        state: State by indices.
        names: Names of the parameters, by index.

    Raises:
        DataError: If the number of parameters differs.
    """
    groups = state["param_groups"]
    if sum(len(group["params"]) for group in groups) != len(names):
        raise DataError(f"the optimiser's state has not the {len(names)} parameters of the network")
    return {
        "state": {names[number]: value for number, value in state["state"].items()},
        "param_groups": [{**group, "params": [names[number] for number in group["params"]]} for group in groups],
    }


def numbered(state: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """An optimiser's state by indices, and the parameter names in index order.

    Args:
        state: State by names.
    """
    names = [name for group in state["param_groups"] for name in group["params"]]
    number = {name: place for place, name in enumerate(names)}
    return {
        "state": {number[name]: value for name, value in state.get("state", {}).items()},
        "param_groups": [{**g, "params": [number[name] for name in g["params"]]} for g in state["param_groups"]],
    }, names
