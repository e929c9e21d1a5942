"""Rejects typed keys that the configured run does not read, such as `moe=dense` for an image tokenizer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from omegaconf import DictConfig, OmegaConf

from unif2ace.errors import ConfigError

READ_BY_TRAINING = frozenset(
    {
        *("callbacks", "data", "dataset", "engine", "extras", "hparams_search", "init_from", "like", "logger", "loss"),
        *("module", "name", "optimized_metric", "paths", "resume", "resume_changes", "run_callbacks", "run_dir"),
        *("seed", "tags", "test", "trainer"),
    }
)
"""Top-level keys that `unif2ace-train` reads directly. It reads other keys only if one of these refers to them."""


def refuse_unread(config: DictConfig, typed: Iterable[str]) -> None:
    """Rejects typed keys that the run does not read.

    Args:
        config: Composed from ``train.yaml``.
        typed: Keys of the command line, such as ``moe`` or ``moe.num_experts``.

    Raises:
        ConfigError: If nothing in the run reads a typed key.
    """
    read = keys_read(config)
    for key in typed:
        top = key.partition(".")[0]
        if config.get(top) not in (None, {}) and top not in read:
            module = str(OmegaConf.select(config, "module._target_")).rpartition(".")[2]
            raise ConfigError(
                f"{key} has no effect in this run: module {module} does not use {top!r}; leave out {key}, or select an "
                f"experiment=... or module=... that uses {top!r}"
            )


def keys_read(config: DictConfig) -> set[str]:
    """Top-level keys that a run of `unif2ace-train` reads, directly or through references."""
    tree = OmegaConf.to_container(config)
    assert isinstance(tree, dict)
    found: set[str] = set()
    waiting = [str(key) for key in tree if key in READ_BY_TRAINING]
    while waiting:
        key = waiting.pop()
        if key in tree and key not in found:
            found.add(key)
            for text in _texts(tree[key]):
                waiting += re.findall(r"\$\{(?:[a-z_]+:\$\{)?([a-z_]+)[.}]", text)
    return found


def _texts(node: Any) -> Iterator[str]:
    """All strings in a nested tree."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict | list):
        for value in node.values() if isinstance(node, dict) else node:
            yield from _texts(value)
