"""Hyperparameters of a run, for its loggers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

from unif2ace.engine.unread_keys import keys_read

LEFT_OUT = ("callbacks", "engine", "extras", "launcher", "logger", "paths", "run_callbacks", "run_dir")
"""Top-level keys that do not change what is learned, or say where files are."""
_REFERENCE = re.compile(r"\$\{[\w.]+\}")

Value = str | int | float | bool


def hyperparameters(config: DictConfig) -> dict[str, Value]:
    """The values of a configuration by dotted key: numbers, flags and texts; lists as text.

    A key that only refers to another one, such as ``module.net``, is left out, and so are keys that the run does not
    read and what `LEFT_OUT` names. A component is its class: ``optimizer`` is ``Muon``.

    Args:
        config: Composed from ``train.yaml``.
    """
    typed: Any = OmegaConf.to_container(config, resolve=False)
    values: Any = OmegaConf.to_container(config, resolve=True)
    read = keys_read(config) - set(LEFT_OUT)
    kept = {key: node for key, node in typed.items() if key in read}
    return dict(_flat(kept, values, ""))


def log_hyperparameters(config: DictConfig, loggers: Iterable[Any]) -> None:
    """Passes the hyperparameters to every logger; a trial run logs nothing.

    Args:
        config: Composed from ``train.yaml``.
        loggers: Loggers of Lightning.
    """
    if not config.trainer.get("fast_dev_run"):
        values = hyperparameters(config)
        for logger in loggers:
            logger.log_hyperparams(values)


def _flat(typed: Mapping[str, Any], values: Mapping[str, Any], above: str) -> Iterator[tuple[str, Value]]:
    for key, node in typed.items():
        value, name = values[key], f"{above}{key}"
        if value is None or (isinstance(node, str) and _REFERENCE.fullmatch(node)):
            continue
        if isinstance(node, Mapping):
            yield from _flat(node, value, f"{name}.")
        elif key == "_target_":
            yield above.rstrip("."), str(value).rpartition(".")[2]
        elif not str(key).startswith("_") and not isinstance(value, Mapping):
            yield name, value if isinstance(value, str | int | float | bool) else str(value)
