"""Reads each configuration file of the package once per process; Hydra alone reads it at every composition."""

from __future__ import annotations

import copy
from typing import ClassVar

from hydra._internal.config_repository import ConfigRepository
from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.config_source import ConfigResult

from unif2ace.engine.config_comments import CONFIG_MODULE


class KeptFiles(ConfigRepository):
    """Hydra's files of configurations. Those of the package are kept; those of folders may change and are read again.

    Args:
        repository: What Hydra has made for the package's configurations.
    """

    _kept: ClassVar[dict[str, ConfigResult]] = {}

    def __init__(self, repository: ConfigRepository) -> None:
        self.sources = repository.sources
        self._has_folders = False

    def initialize_sources(self, config_search_path: ConfigSearchPath) -> None:
        """See the base class; called for a search path with more than the package."""
        super().initialize_sources(config_search_path)
        self._has_folders = True

    def load_config(self, config_path: str) -> ConfigResult | None:
        """See the base class."""
        if not self._has_folders and config_path in self._kept:
            return copy.deepcopy(self._kept[config_path])
        found = super().load_config(config_path)
        if found is not None and found.path == f"pkg://{CONFIG_MODULE}" and not self._has_folders:
            self._kept[config_path] = copy.deepcopy(found)
        return found
