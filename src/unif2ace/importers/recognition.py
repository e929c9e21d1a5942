"""Finds the importers by name, and the one that reads given weights."""

from __future__ import annotations

import importlib
from collections.abc import Iterable

import yaml

from unif2ace.engine.config_comments import choices_of, folders
from unif2ace.errors import ConfigError, nearest
from unif2ace.importers.base import Importer

GROUP = "importer"


def importer_class(name: str) -> type[Importer]:
    """The importer of a name.

    Args:
        name: Name of a file in ``configs/importer``.

    Raises:
        ConfigError: If there is none.
    """
    names = choices_of(GROUP)
    if name not in names:
        raise ConfigError(f"there is no importer {name!r}{nearest(name, names)}; there are {', '.join(names)}")
    file = next(path for folder in folders() if (path := folder / GROUP / f"{name}.yaml").is_file())
    module, _, found = yaml.safe_load(file.read_text(encoding="utf-8"))["_target_"].rpartition(".")
    made: type[Importer] = getattr(importlib.import_module(module), found)
    return made


def recognised(names: Iterable[str], importer: type[Importer]) -> str:
    """The end of a message about weights that an importer does not read: what they look like instead.

    Args:
        names: Names of the tensors.
        importer: The importer that does not read them.
    """
    given = list(names)
    for name in choices_of(GROUP):
        other = importer_class(name)
        if other is not importer and other.recognises(given):
            return f"; this looks like {other.source}: `unif2ace-checkpoint import {name} ...`"
    return "" if importer.recognises(given) else f"; {given[0]!r} is not a name of {importer.source}"
