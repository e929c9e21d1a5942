"""Scores with 95 % intervals, and paired differences between runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from unif2ace.comparing.comparison import compare
from unif2ace.errors import ConfigError
from unif2ace.report.blocks.base import ReportBlock
from unif2ace.report.blocks.heading import Heading
from unif2ace.report.blocks.paragraph import Paragraph
from unif2ace.report.blocks.table import TableBlock
from unif2ace.report.picture_reader import PictureReader
from unif2ace.report.result_folder import ResultFolder
from unif2ace.report.sections.base import Section

_INTERVALS = "The intervals are from a bootstrap over the faces."
MEANINGS = {
    "agreement": "attribute agreement of faces with their prompts; 0: faces of other prompts, 1: the true faces",
    "answers": "accuracy of answers; 0: guessing without the picture, 1: all correct",
    "captions": "attribute F1 of captions; 0: captions of other faces, 1: the captions of the data",
    "caption_false_share": "share of false statements among the checkable statements of captions",
}


class ScoresSection(Section):
    """Shows the scores of evaluations. Networks of the same kind are compared with the first one by paired differences.

    Cells of tables are left out, because the section `TablesSection` shows their scores.
    """

    title = "Scores"

    def blocks(self, folders: Sequence[ResultFolder], pictures: PictureReader) -> list[ReportBlock]:
        """Tables for each kind of network."""
        kinds: dict[str, list[ResultFolder]] = {}
        for folder in folders:
            if folder.evaluation and not folder.of_table:
                kinds.setdefault(folder.kind, []).append(folder)
        found: list[ReportBlock] = []
        for kind, some in kinds.items():
            found += [Heading(kind)] if len(kinds) > 1 and kind else []
            found += _alone(some[0]) if len(some) == 1 else _beside(some)
        scored = {name for folder in folders for name in folder.compared.scores}
        said = [f"{name}: {meaning}." for name, meaning in MEANINGS.items() if name in scored]
        return [Paragraph("\n".join([*said, _INTERVALS])), *found] if found else []


def _alone(folder: ResultFolder) -> Iterator[ReportBlock]:
    run = folder.compared
    described = _described(folder)
    rows = []
    for name, value in folder.evaluation.get("values", {}).items():
        limits = run.interval(name)
        shown = "not measurable" if value is None else f"{value:.4g}"
        said = described.get(name, "")
        interval = f"{limits[0]:.3f} to {limits[1]:.3f}" if limits else ""
        rows.append([name, shown, interval, said.removeprefix(interval).removeprefix("; ")])
    if rows:
        yield TableBlock(["score", "value", "95 % interval", "measured with"], rows, folder.name)


def _beside(folders: Sequence[ResultFolder]) -> Iterator[ReportBlock]:
    runs = [folder.compared for folder in folders]
    try:
        found = compare(runs)
    except ConfigError as error:
        yield Paragraph(str(error), "bad")
        for folder in folders:
            yield from _alone(folder)
        return
    yield from (TableBlock.of(table) for table in (found.scores(), found.seeds(), found.differences()) if table.rows)


def _described(folder: ResultFolder) -> Mapping[str, str]:
    """By name of a score: how the score was measured."""
    metrics = folder.evaluation.get("metrics", {}).values()
    return {name: str(text) for texts in metrics if isinstance(texts, Mapping) for name, text in texts.items()}
