"""Configuration keys in which the runs differ."""

from __future__ import annotations

from collections.abc import Sequence

from unif2ace.comparing.comparison import Comparison
from unif2ace.report.blocks.base import ReportBlock
from unif2ace.report.blocks.table import TableBlock
from unif2ace.report.picture_reader import PictureReader
from unif2ace.report.result_folder import ResultFolder
from unif2ace.report.sections.base import Section


class SettingsSection(Section):
    """Shows the configuration keys in which runs of the same kind differ.

    Args:
        keys: Maximum number of keys. Further keys are only counted.
    """

    title = "Settings that differ"

    def __init__(self, keys: int = 30) -> None:
        self.keys = keys

    def blocks(self, folders: Sequence[ResultFolder], pictures: PictureReader) -> list[ReportBlock]:
        """A table for each kind of network, with one row per key."""
        kinds: dict[str, list[ResultFolder]] = {}
        for folder in folders:
            if folder.config:
                kinds.setdefault(folder.kind, []).append(folder)
        found: list[ReportBlock] = []
        for some in kinds.values():
            keys = Comparison([folder.compared for folder in some], []).differing
            rows = [[key, *(_short(folder.config.get(key)) for folder in some)] for key in keys[: self.keys]]
            more = f"{len(keys) - self.keys} more keys differ" if len(keys) > self.keys else ""
            found += [TableBlock(["key", *(folder.name for folder in some)], rows, more)] if rows else []
        return found


def _short(value: object) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
