"""Finds an importer by its name, or by the tensor names of the weights."""

from __future__ import annotations

import importlib
from collections.abc import Iterable

import yaml

from unif2ace.engine.config_comments import choices_of, folders
from unif2ace.errors import ConfigError, nearest
from unif2ace.importers.base import Importer

GROUP = "importer"


def importer_class(name: str) -> type[Importer]:
    """Finds an importer class by its name.

    Args:
        name: Name of a file in ``configs/importer``, without ``.yaml``.

    Raises:
        ConfigError: If no importer has this name.
    """
    names = choices_of(GROUP)
    if name not in names:
        raise ConfigError(f"there is no importer {name!r}{nearest(name, names)}; choose one of {', '.join(names)}")
    file = next(path for folder in folders() if (path := folder / GROUP / f"{name}.yaml").is_file())
    module, _, found = yaml.safe_load(file.read_text(encoding="utf-8"))["_target_"].rpartition(".")
    made: type[Importer] = getattr(importlib.import_module(module), found)
    return made


def recognised(names: Iterable[str], importer: type[Importer]) -> str:
    """End of an error message about weights that an importer cannot read. It names a matching importer, if any.

    Args:
        names: Names of the tensors.
        importer: The importer that cannot read the weights.
    """
    given = list(names)
    for name in choices_of(GROUP):
        other = importer_class(name)
        if other is not importer and other.recognises(given):
            return f"; the file looks like {other.source}: use `unif2ace-checkpoint import {name} ...`"
    return "" if importer.recognises(given) else f"; {given[0]!r} is not a tensor of {importer.source}"
