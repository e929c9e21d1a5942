"""Stores the overrides of a configuration on the configuration object and in the run folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from unif2ace.errors import ConfigError, nearest

FILE = Path(".hydra", "overrides.yaml")
"""Hydra's file of overrides, relative to a run folder."""
_NAME = "_composed_from"


def remember_overrides(config: DictConfig, overrides: Sequence[str]) -> None:
    """Stores the overrides as a hidden attribute of a configuration, not as one of its keys.

    Args:
        config: The composed configuration.
        overrides: Overrides that it was composed from.
    """
    config.__dict__[_NAME] = list(overrides)


def overrides_of(config: DictConfig) -> list[str] | None:
    """The overrides that a configuration was composed from; None if it was not composed by this package."""
    found: list[str] | None = config.__dict__.get(_NAME)
    return found


def typed_overrides(node: ListConfig) -> list[str]:
    """Hydra's list of overrides as typed.

    Only interpolations of Hydra, such as ``${hydra:job.num}``, are resolved. Other interpolations refer to the
    configuration of the command, and stay as they are.
    """
    texts: Any = OmegaConf.to_container(node, resolve=False)
    made = []
    for place, text in enumerate(texts):
        try:
            made.append(str(node[place]) if "${hydra" in text else str(text))
        except OmegaConfBaseException:  # it also has another interpolation, or Hydra does not run
            made.append(str(text))
    return made


def write_overrides(config: DictConfig, folder: Path) -> None:
    """Writes the overrides of a configuration to `FILE` in a run folder.

    Args:
        config: Configuration of the run.
        folder: The run's folder.
    """
    overrides = overrides_of(config)
    if overrides is not None:
        (folder / FILE).parent.mkdir(exist_ok=True)
        (folder / FILE).write_text(OmegaConf.to_yaml(OmegaConf.create(overrides)), encoding="utf-8")


def read_overrides(folder: Path) -> list[str]:
    """Reads the overrides of a run from its folder.

    Raises:
        ConfigError: If the folder does not exist, or has no valid `FILE`.
    """
    if not folder.is_dir():
        beside = [p.name for p in folder.parent.iterdir() if p.is_dir()] if folder.parent.is_dir() else []
        raise ConfigError(f"like={folder}: this folder does not exist{nearest(folder.name, beside)}; give a run folder")
    try:
        found = OmegaConf.load(folder / FILE)
    except OSError:
        raise ConfigError(
            f"like={folder}: this folder has no {FILE}; give the folder of a run of unif2ace-train, or type the "
            "overrides"
        ) from None
    if not isinstance(found, ListConfig):
        raise ConfigError(f"like={folder}: {folder / FILE} is not a list of overrides; type the overrides instead")
    return typed_overrides(found)
