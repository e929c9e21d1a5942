"""Writes a table for a terminal, as Markdown and as CSV."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from unif2ace.comparing.statistics import Difference, Summary
from unif2ace.comparing.table import TextTable
from unif2ace.tables.definition import TableDefinition
from unif2ace.tables.results import RowResult, failures
from unif2ace.tables.values import Value

if TYPE_CHECKING:
    from rich.console import RenderableType

ARROWS = {"higher": " ↑", "lower": " ↓", None: ""}
LEGEND = (
    "± is the standard error over seeds. Brackets are 95 % intervals over the evaluated samples. The signed line below "
    "a row is its difference from the baseline row, paired by seed. FLOPs are those of a training step, divided "
    "by those of the baseline row. ↑: higher is better. ↓: lower is better."
)


def our_table(table: TableDefinition, rows: Sequence[RowResult]) -> TextTable:
    """Our results: one line of values per row, and below it a line of differences from the baseline row.

    Args:
        table: The table.
        rows: Rows of the table.
    """
    trained, shown = any(row.work for row in rows), _shown(table, rows)
    head = ["row", "cells", *(["FLOPs", "parameters"] if trained else []), *map(_head, shown)]
    lines: list[list[str]] = []
    for row in rows:
        work = [_ratio(row.ratio), f"{row.work.total:,}" if row.work else ""] if trained else []
        title = f"{row.row.title} (baseline)" if row.row.name == table.baseline else row.row.title
        values = [_summary(row.summary.get(value.name)) for value in shown]
        lines.append([title, _cells(row), *work, *values])
        if row.differences:
            apart = [_difference(row.differences.get(value.name)) for value in shown]
            lines.append(["", "", *([""] * len(work)), *apart])
    return TextTable(head, lines, f"{table.title}, size {table.size.name}. {table.size.note}")


def paper_table(table: TableDefinition, rows: Sequence[RowResult]) -> TextTable:
    """The paper's numbers for our rows, then for further systems.

    Args:
        table: The table.
        rows: Rows of the table.
    """
    values = table.paper.values
    found = [(row.row.title, row.row.paper) for row in rows if row.row.paper] + list(table.paper.rows)
    lines = [[title, *(_number(numbers.get(v.name)) for v in values)] for title, numbers in found]
    return TextTable(["the paper", *map(_head, values)], lines, f"The paper's numbers: {table.paper.note}")


def markdown(table: TableDefinition, rows: Sequence[RowResult]) -> str:
    """The table as Markdown: our results, the meaning of the columns, the paper's numbers, and failed cells.

    Args:
        table: The table.
        rows: Rows of the table.
    """
    parts = [our_table(table, rows).markdown(), LEGEND]
    parts.append("\n".join(f"- {_head(value)}: {value.meaning}" for value in _shown(table, rows) if value.meaning))
    widths = [f"- {row.row.title}: {row.work.width}, for equal FLOPs" for row in rows if row.work and row.work.width]
    parts += ["\n".join(widths)] if widths else []
    if table.paper.values:
        parts.append(paper_table(table, rows).markdown())
    if failed := failures(rows):
        parts.append("\n".join(["Failed:", "", *(f"- {line}" for line in failed)]))
    return "\n\n".join(parts) + "\n"


def csv_table(table: TableDefinition, rows: Sequence[RowResult]) -> TextTable:
    """A table with one line for each row and value.

    Args:
        table: The table.
        rows: Rows of the table.
    """
    head = ["row", "title", "work_ratio", "value", "n", "mean", "error", "low", "high"]
    head += ["difference", "difference_error", "difference_low", "difference_high"]
    lines = []
    for row in rows:
        for value in table.values:
            first = [row.row.name, row.row.title, _plain(row.ratio), value.name]
            summary, apart = row.summary.get(value.name), row.differences.get(value.name)
            lines.append([*first, str(summary.n if summary else 0), *_columns(summary), *_columns(apart)])
    return TextTable(head, lines)


def rich_tables(table: TableDefinition, rows: Sequence[RowResult]) -> list[RenderableType]:
    """Our results and, in grey, the paper's numbers for a terminal.

    Args:
        table: The table.
        rows: Rows of the table.
    """
    found: list[RenderableType] = [_rich(our_table(table, rows), ""), LEGEND]
    if table.paper.values:
        found.append(_rich(paper_table(table, rows), "bright_black"))
    if failed := failures(rows):
        found.append("[red]failed:[/red] " + "; ".join(failed))
    return found


def _shown(table: TableDefinition, rows: Sequence[RowResult]) -> list[Value]:
    """The values that at least one row has; all values if no row has any."""
    found = [value for value in table.values if any(value.name in row.summary for row in rows)]
    return found or list(table.values)


def _rich(made: TextTable, style: str) -> RenderableType:
    from rich.table import Table
    from rich.text import Text

    shown = Table(title=made.title, title_justify="left", style=style, header_style=style or None)
    for number, name in enumerate(made.head):
        shown.add_column(name, justify="right" if number else "left", style=style or None)
    for line in made.rows:
        shown.add_row(*(Text(cell) for cell in line))
    return shown


def _head(value: Value) -> str:
    return f"{value.title}{ARROWS[value.better]}"


def _cells(row: RowResult) -> str:
    done = sum(one.state.status == "done" for one in row.cells)
    return str(done) if done == len(row.cells) else f"{done} of {len(row.cells)}"


def _ratio(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.3f}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _summary(summary: Summary | None, sign: str = "") -> str:
    if summary is None:
        return ""
    text = f"{summary.mean:{sign}.4g}" + (f" ± {summary.error:.2g}" if summary.error is not None else "")
    limits = summary.interval
    return f"{text} ({limits[0]:{sign}.3g} to {limits[1]:{sign}.3g})" if limits else text


def _difference(difference: Difference | None) -> str:
    return _summary(difference, "+")


def _plain(value: float | None) -> str:
    return "" if value is None else repr(value)


def _columns(summary: Summary | None) -> list[str]:
    if summary is None:
        return [""] * 4
    low, high = summary.interval or (None, None)
    return [_plain(x) for x in (summary.mean, summary.error, low, high)]
