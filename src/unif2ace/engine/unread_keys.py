"""Refuses keys that were typed but that nothing in the configured run reads, such as `moe=dense` for a tokenizer."""

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
"""Top-level keys that `unif2ace-train` itself reads; it reads others where these refer to them."""


def refuse_unread(config: DictConfig, typed: Iterable[str]) -> None:
    """Refuses typed keys that the run does not read.

    Args:
        config: Composed from ``train.yaml``.
        typed: Keys of the command line, such as ``moe`` or ``moe.num_experts``.

    Raises:
        ConfigError: If neither the command nor a part of the run that it builds reads one of them.
    """
    read = keys_read(config)
    for key in typed:
        top = key.partition(".")[0]
        if config.get(top) not in (None, {}) and top not in read:
            module = str(OmegaConf.select(config, "module._target_")).rpartition(".")[2]
            raise ConfigError(
                f"{key} was typed, but nothing in this run reads it: module {module} takes no {top!r}; "
                "leave it out, or select the experiment=... or module=... that reads it"
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
    """All texts of a tree, however deep."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict | list):
        for value in node.values() if isinstance(node, dict) else node:
            yield from _texts(value)
