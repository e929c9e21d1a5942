"""Tables of experiments, with the numbers of arXiv 2503.08120."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from unif2ace.report.blocks.base import ReportBlock
from unif2ace.report.blocks.cell import Cell
from unif2ace.report.blocks.heading import Heading
from unif2ace.report.blocks.paragraph import Paragraph
from unif2ace.report.blocks.table import TableBlock
from unif2ace.report.picture_reader import PictureReader
from unif2ace.report.result_folder import ResultFolder
from unif2ace.report.sections.base import Section

Tree = Mapping[str, Any]


class TablesSection(Section):
    """Shows tables of `unif2ace-table`: values, differences from the baseline, FLOPs, and the paper's numbers."""

    title = "Tables"

    def blocks(self, folders: Sequence[ResultFolder], pictures: PictureReader) -> list[ReportBlock]:
        """The blocks of each table."""
        return [block for folder in folders if folder.table for block in _table(folder.table)]


def _table(tree: Tree) -> Iterator[ReportBlock]:
    rows = tree.get("rows") or []
    values = [value for value in tree.get("values") or [] if any(_summary(row, value["name"]) for row in rows)]
    yield Heading(f"{tree.get('title') or tree.get('table')} ({tree.get('size', '')})")
    if tree.get("note"):
        yield Paragraph(str(tree["note"]))
    if values and rows:
        head = ["row", "cells", *(_column(value) for value in values)]
        shown = [[_title(row), _cells(row), *(_summary(row, value["name"]) for value in values)] for row in rows]
        yield TableBlock(head, shown, "mean ± standard error over seeds (95 % interval over faces)")
        yield Paragraph(
            "\n".join(f"{value.get('title') or value['name']}: {value.get('meaning', '')}" for value in values)
        )
        yield from _differences(tree, values, rows)
    yield from _paper(tree, rows)
    yield from _work(rows)
    for line in tree.get("failed") or []:
        yield Paragraph(str(line), "bad")


def _differences(tree: Tree, values: Sequence[Tree], rows: Sequence[Tree]) -> Iterator[ReportBlock]:
    paired = [row for row in rows if row.get("differences")]
    if not paired:
        return
    baseline = next((_title(row) for row in rows if row.get("name") == tree.get("baseline")), str(tree.get("baseline")))
    head = ["row", *(_column(value) for value in values)]
    cells = [[_title(row), *(_difference(row, value) for value in values)] for row in paired]
    yield TableBlock(
        head,
        cells,
        f"difference from {baseline}, paired: mean ± standard error over seeds (95 % interval over faces). "
        "✓ better, ✗ worse: the interval excludes 0",
    )


def _paper(tree: Tree, rows: Sequence[Tree]) -> Iterator[ReportBlock]:
    paper = tree.get("paper") or {}
    values = paper.get("values") or []
    ours = [(f"{_title(row)} (paper)", row["paper"]) for row in rows if row.get("paper")]
    others = [(str(row.get("title")), row.get("values") or {}) for row in paper.get("rows") or []]
    if not values or not (ours or others):
        return
    head = ["the paper's row", *(_column(value) for value in values)]
    cells = [
        [Cell(name, "faint"), *(Cell(_plain(found.get(value["name"])), "faint") for value in values)]
        for name, found in [*ours, *others]
    ]
    yield TableBlock(head, cells, f"The paper's numbers ({paper.get('note') or 'not comparable'}):")


def _work(rows: Sequence[Tree]) -> Iterator[ReportBlock]:
    if not any(row.get("work") or row.get("parameters") for row in rows):
        return
    cells = []
    for row in rows:
        work, size = row.get("work") or {}, row.get("parameters") or {}
        cells.append(
            [
                _title(row),
                f"{work['flops']:.3g}" if work.get("flops") else "",
                f"{work['ratio']:.3f}" if work.get("ratio") else "",
                str(work.get("set") or ""),
                *(f"{size[name]:,}" if size.get(name) else "" for name in ("total", "active")),
                " ".join(map(str, row.get("overrides") or [])),
            ]
        )
    head = [
        "row",
        "FLOPs per step",
        "relative to baseline",
        "width set for equal FLOPs",
        "parameters",
        "active",
        "overrides",
    ]
    yield TableBlock(head, cells, "FLOPs per training step, parameters, and the overrides of each row")


def _title(row: Tree) -> str:
    return str(row.get("title") or row.get("name"))


def _column(value: Tree) -> str:
    arrow = {"higher": " ↑", "lower": " ↓"}.get(str(value.get("better")), "")
    return f"{value.get('title') or value['name']}{arrow}"


def _cells(row: Tree) -> str:
    """Number of finished cells out of all cells of a row, such as ``2 of 3``."""
    cells = row.get("cells") or []
    done = sum(cell.get("status") == "done" for cell in cells)
    return f"{done} of {len(cells)}" if cells else ""


def _summary(row: Tree, name: str) -> str:
    return _with_error((row.get("summary") or {}).get(name), "")


def _difference(row: Tree, value: Tree) -> str | Cell:
    found = (row.get("differences") or {}).get(value["name"])
    text = _with_error(found, "+")
    interval = (found or {}).get("interval")
    if not interval or interval[0] <= 0 <= interval[1] or value.get("better") not in ("higher", "lower"):
        return text
    return Cell(text, "good" if (interval[0] > 0) == (value["better"] == "higher") else "bad")


def _with_error(found: Tree | None, sign: str) -> str:
    if not found or found.get("mean") is None:
        return ""
    error, interval = found.get("error"), found.get("interval")
    spread = f" ± {error:.2g}" if error is not None else ""
    limits = f" ({interval[0]:{sign}.3g} to {interval[1]:{sign}.3g})" if interval else ""
    return f"{found['mean']:{sign}.4g}{spread}{limits}"


def _plain(value: Any) -> str:
    return "" if value is None else str(value)
