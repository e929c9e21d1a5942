"""Caches the configuration files of the package. Without the cache Hydra reads them at every composition."""

from __future__ import annotations

import copy
from typing import ClassVar

from hydra._internal.config_repository import ConfigRepository
from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.config_source import ConfigResult

from unif2ace.engine.config_comments import CONFIG_MODULE


class KeptFiles(ConfigRepository):
    """A configuration repository of Hydra that caches the package's files. Files of user folders are always read again.

    Args:
        repository: Hydra's repository of the package's configurations.
    """

    _kept: ClassVar[dict[str, ConfigResult]] = {}

    def __init__(self, repository: ConfigRepository) -> None:
        self.sources = repository.sources
        self._has_folders = False

    def initialize_sources(self, config_search_path: ConfigSearchPath) -> None:
        """See the base class. Hydra calls this if the search path has user folders."""
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
