"""Overview of the folders in the report."""

from __future__ import annotations

from collections.abc import Sequence

from unif2ace.report.blocks.base import ReportBlock
from unif2ace.report.blocks.table import TableBlock
from unif2ace.report.picture_reader import PictureReader
from unif2ace.report.result_folder import ResultFolder
from unif2ace.report.sections.base import Section


class RunsSection(Section):
    """Shows the content, training progress and duration of each folder."""

    title = "Runs"

    def blocks(self, folders: Sequence[ResultFolder], pictures: PictureReader) -> list[ReportBlock]:
        """A table with one row per folder. Empty columns are left out."""
        head = ["name", "holds", "run", "steps", "time", "seen", "peak memory", "evaluated on", "folder"]
        rows = [_row(folder) for folder in folders]
        used = [n for n in range(len(head)) if any(row[n] for row in rows)]
        return [TableBlock([head[n] for n in used], [[row[n] for n in used] for row in rows])] if rows else []


def _row(folder: ResultFolder) -> list[str]:
    summary, count = folder.summary, folder.evaluation.get("pictures")
    steps = max((pairs[-1][0] for pairs in folder.logged.values()), default=None)
    holds = [folder.kind] if folder.kind else []
    holds += [word for word, there in {"table": folder.table, "quickstart": folder.quickstart}.items() if there]
    holds += ["generated faces"] if not holds and folder.samples.generated else []
    return [
        folder.name,
        ", ".join(holds),
        summary.get("run", "not finished" if folder.logged and not folder.of_table else ""),
        summary.get("steps", "" if steps is None else f"{steps + 1:,}"),
        summary.get("time", ""),
        summary.get("seen", ""),
        summary.get("peak memory", ""),
        f"{count:,} pictures of {folder.evaluation.get('split', '?')}" if isinstance(count, int) else "",
        str(folder.path),
    ]
