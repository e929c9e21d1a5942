"""The overrides that a configuration was composed from, kept with it and in the folder of a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from unif2ace.errors import ConfigError, nearest

FILE = Path(".hydra", "overrides.yaml")
"""Hydra's name for the list of overrides in a run's folder."""
_NAME = "_composed_from"


def remember_overrides(config: DictConfig, overrides: Sequence[str]) -> None:
    """Keeps the overrides with a configuration; they are not part of its values.

    Args:
        config: The composed configuration.
        overrides: What it was composed from.
    """
    config.__dict__[_NAME] = list(overrides)


def overrides_of(config: DictConfig) -> list[str] | None:
    """The overrides that a configuration was composed from; None if it was not composed by this package."""
    found: list[str] | None = config.__dict__.get(_NAME)
    return found


def typed_overrides(node: ListConfig) -> list[str]:
    """Hydra's list of overrides as typed.

    An interpolation in one is an interpolation of the command's configuration; only Hydra's own, such as
    ``${hydra:job.num}``, is resolved here.
    """
    texts: Any = OmegaConf.to_container(node, resolve=False)
    made = []
    for place, text in enumerate(texts):
        try:
            made.append(str(node[place]) if "${hydra" in text else str(text))
        except OmegaConfBaseException:  # another interpolation stands beside it, or Hydra does not run
            made.append(str(text))
    return made


def write_overrides(config: DictConfig, folder: Path) -> None:
    """Writes the overrides into the folder of a run.

    Args:
        config: Configuration of the run.
        folder: The run's folder.
    """
    overrides = overrides_of(config)
    if overrides is not None:
        (folder / FILE).parent.mkdir(exist_ok=True)
        (folder / FILE).write_text(OmegaConf.to_yaml(OmegaConf.create(overrides)), encoding="utf-8")


def read_overrides(folder: Path) -> list[str]:
    """The overrides of the run in a folder.

    Raises:
        ConfigError: If there is no such folder, or it does not say.
    """
    if not folder.is_dir():
        beside = [p.name for p in folder.parent.iterdir() if p.is_dir()] if folder.parent.is_dir() else []
        raise ConfigError(f"like={folder}: there is no such folder{nearest(folder.name, beside)}; give a run's folder")
    try:
        found = OmegaConf.load(folder / FILE)
    except OSError:
        raise ConfigError(
            f"like={folder}: it lacks {FILE} with the settings of a run; give the folder of a run that unif2ace-train "
            "made, or type the settings"
        ) from None
    if not isinstance(found, ListConfig):
        raise ConfigError(f"like={folder}: {folder / FILE} holds no list of settings; type them")
    return typed_overrides(found)
