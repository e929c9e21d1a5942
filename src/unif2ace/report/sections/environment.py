"""Package versions and code versions of the runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from unif2ace.report.blocks.base import ReportBlock
from unif2ace.report.blocks.table import TableBlock
from unif2ace.report.picture_reader import PictureReader
from unif2ace.report.result_folder import ResultFolder
from unif2ace.report.sections.base import Section

_ELSEWHERE = ("argv", "command")


class EnvironmentSection(Section):
    """Shows the versions that each run recorded. Runs with the same versions share a column."""

    title = "Environment"

    def blocks(self, folders: Sequence[ResultFolder], pictures: PictureReader) -> list[ReportBlock]:
        """A table with one row for each package."""
        columns: dict[tuple[tuple[str, str], ...], list[str]] = {}
        for folder in folders:
            found = {name: _shown(value) for name, value in folder.environment.items() if name not in _ELSEWHERE}
            if found:
                columns.setdefault(tuple(found.items()), []).append(folder.name)
        if not columns:
            return []
        several = [dict(column) for column in columns]
        names = list(dict.fromkeys(name for column in several for name in column))
        rows = [[name, *(column.get(name, "") for column in several)] for name in names]
        return [TableBlock(["", *(", ".join(runs) for runs in columns.values())], rows)]


def _shown(value: Any) -> str:
    if isinstance(value, Mapping) and "commit" in value:
        return f"{value['commit']}{', with changes' if value.get('changed') else ''}"
    return "" if value is None else str(value)
