"""Builds the callbacks of a run: those that observe it, then those that protect it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from omegaconf import DictConfig

from unif2ace.engine.config_comments import choices_of
from unif2ace.engine.instantiate import instantiate_slots
from unif2ace.errors import ConfigError

GROUP = "run_callbacks"
"""The group of callbacks that a run keeps whatever ``callbacks=[...]`` selects."""


def instantiate_callbacks(config: DictConfig, required: Iterable[str] | None = None) -> dict[str, Any]:
    """The callbacks of both groups by name; those that protect the run come last.

    Args:
        config: Configuration of a command with the groups ``callbacks`` and ``run_callbacks``.
        required: Names that ``run_callbacks`` must have, as a callback or as null; None for every choice of the group.

    Raises:
        ConfigError: If a required name is missing, or a name stands in both groups.
    """
    protecting = config.get("run_callbacks") or {}
    for name in choices_of(GROUP) if required is None else required:
        if name not in protecting:
            raise ConfigError(
                f"{GROUP} lacks {name}: these callbacks stay whatever is selected; to switch this one off type "
                f"{GROUP}.{name}=null, to add one +{GROUP}=NAME"
            )
    allow = config.engine.allow
    observing = instantiate_slots(config.get("callbacks"), "callbacks", allow=allow)
    built = instantiate_slots(protecting, GROUP, allow=allow)
    if twice := sorted(observing.keys() & built.keys()):
        raise ConfigError(f"callbacks.{twice[0]} and {GROUP}.{twice[0]} have one name: rename the first")
    return observing | built
