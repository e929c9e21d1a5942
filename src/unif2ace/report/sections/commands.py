"""Commands that reproduce the results, and commands to run next."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from unif2ace.report.blocks.base import ReportBlock
from unif2ace.report.blocks.code import Code
from unif2ace.report.blocks.paragraph import Paragraph
from unif2ace.report.picture_reader import PictureReader
from unif2ace.report.result_folder import ResultFolder
from unif2ace.report.sections.base import Section


class CommandsSection(Section):
    """Shows the commands that made each result.

    Args:
        further: Commands to run next, shown below the other commands.
    """

    title = "Commands"

    def __init__(self, further: Sequence[str] = ()) -> None:
        self.further = tuple(further)

    def blocks(self, folders: Sequence[ResultFolder], pictures: PictureReader) -> list[ReportBlock]:
        """The commands of all folders. Equal commands are shown once."""
        commands: dict[str, list[str]] = {}
        for folder in folders:
            for command in _commands(folder):
                commands.setdefault(command, []).append(folder.name)
        lines = [f"# {', '.join(names)}\n{command}" for command, names in commands.items()]
        found: list[ReportBlock] = [Code("\n".join(lines))] if lines else []
        if self.further:
            found += [Paragraph("What to type next:"), Code("\n".join(self.further))]
        return found


def _commands(folder: ResultFolder) -> list[str]:
    found = [str(folder.table["command"])] if folder.table.get("command") else []
    told = (folder.quickstart or folder.environment).get("command")
    if folder.of_table or not told:
        return found
    found.append(str(told))
    if isinstance(folder.evaluation.get("options"), Mapping) and folder.evaluation.get("weights"):
        found.append(f"unif2ace-evaluate {shlex.quote(str(folder.run))}")
    return found
