"""Prints the configuration and hides warnings at the start of `unif2ace-train`, see ``configs/extras``."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.tree import Tree


def apply_extras(config: DictConfig, console: Console | None = None) -> None:
    """Prints the configuration if ``extras.print_config``, and hides warnings if ``extras.ignore_warnings``.

    Args:
        config: Composed from ``train.yaml``.
        console: Console to print to; None for the terminal.
    """
    if config.extras.ignore_warnings:
        warnings.filterwarnings("ignore")
    if config.extras.print_config:
        values: Any = OmegaConf.to_container(config, resolve=True)
        (console or Console()).print(_tree("configuration", values))


def _tree(name: str, node: Any) -> Tree:
    if not isinstance(node, Mapping):
        return Tree(f"{name}: {node}", highlight=True)
    tree = Tree(f"[bold]{name}[/bold]")
    for key, child in node.items():
        tree.children.append(_tree(str(key), child))
    return tree
