"""Extracts the hyperparameters of a run and passes them to its loggers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

from unif2ace.engine.unread_keys import keys_read

LEFT_OUT = ("callbacks", "engine", "extras", "launcher", "logger", "paths", "run_callbacks", "run_dir")
"""Top-level keys that do not affect the learned weights, or that are paths."""
_REFERENCE = re.compile(r"\$\{[\w.]+\}")

Value = str | int | float | bool


def hyperparameters(config: DictConfig) -> dict[str, Value]:
    """The values of a configuration by dotted key. Lists are converted to text.

    A component is represented by its class name: ``optimizer`` is ``Muon``. Left out are keys that only refer to
    another key (``module.net``), keys that the run does not read, and the keys in `LEFT_OUT`.

    Args:
        config: Composed from ``train.yaml``.
    """
    typed: Any = OmegaConf.to_container(config, resolve=False)
    values: Any = OmegaConf.to_container(config, resolve=True)
    read = keys_read(config) - set(LEFT_OUT)
    kept = {key: node for key, node in typed.items() if key in read}
    return dict(_flat(kept, values, ""))


def log_hyperparameters(config: DictConfig, loggers: Iterable[Any]) -> None:
    """Passes the hyperparameters to every logger, except with ``trainer.fast_dev_run``.

    Args:
        config: Composed from ``train.yaml``.
        loggers: Loggers of the Trainer.
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
