"""Builds the callbacks of a run: first the group ``callbacks``, then the group ``run_callbacks``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from omegaconf import DictConfig

from unif2ace.engine.config_comments import choices_of
from unif2ace.engine.instantiate import instantiate_slots
from unif2ace.errors import ConfigError

GROUP = "run_callbacks"
"""Group of callbacks that every run has, independent of ``callbacks=[...]``."""


def instantiate_callbacks(config: DictConfig, required: Iterable[str] | None = None) -> dict[str, Any]:
    """Builds the callbacks of both groups, by name. Those of ``run_callbacks`` come last.

    Args:
        config: Configuration of a command with the groups ``callbacks`` and ``run_callbacks``.
        required: Names that ``run_callbacks`` must have, as a callback or null; None for all choices of the group.

    Raises:
        ConfigError: If a required name is missing, or both groups have the same name.
    """
    protecting = config.get("run_callbacks") or {}
    for name in choices_of(GROUP) if required is None else required:
        if name not in protecting:
            raise ConfigError(
                f"{GROUP} lacks {name}, which every run has by default: to turn it off give {GROUP}.{name}=null; "
                f"to add a callback to the defaults give +{GROUP}=NAME"
            )
    allow = config.engine.allow
    observing = instantiate_slots(config.get("callbacks"), "callbacks", allow=allow)
    built = instantiate_slots(protecting, GROUP, allow=allow)
    if twice := sorted(observing.keys() & built.keys()):
        name = twice[0]
        raise ConfigError(f"callbacks.{name} and {GROUP}.{name} have the same name: rename callbacks.{name}")
    return observing | built
