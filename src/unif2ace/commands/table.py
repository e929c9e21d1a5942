"""`unif2ace-table`: runs a table of experiments. Each row is trained and evaluated for each seed."""

from __future__ import annotations

import datetime
import json
import logging
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from unif2ace.curation.part import StepPart
from unif2ace.data.atomic import replacing
from unif2ace.data.output_lock import output_lock
from unif2ace.engine.command import Command, run
from unif2ace.engine.provenance import code_provenance
from unif2ace.engine.words import Line, Syntax
from unif2ace.errors import ConfigError, Unif2aceError
from unif2ace.tables.definition import TableCell, TableDefinition, baseline_row, define
from unif2ace.tables.expert_bubbles import write_experts
from unif2ace.tables.matching import Work, row_work
from unif2ace.tables.results import RowResult, as_json, gather, newest_experts, read_cell
from unif2ace.tables.running import check_unchanged, commands, run_cell, run_line, state_of
from unif2ace.tables.writing import csv_table, markdown, rich_tables

log = logging.getLogger(__name__)
APP = "unif2ace-table"
WORK, PREPARED, DATA_LOG = "work.json", "prepared.json", "data.log"


def table(config: DictConfig) -> list[RowResult]:
    """Runs the unfinished cells of a table, then writes and prints the table.

    Args:
        config: Composed from ``table.yaml``.

    Returns:
        The rows with their statistics; empty with `dry`.

    Raises:
        ConfigError: If the configuration of the table is invalid, or a cell was made with other settings.
        Unif2aceError: If a cell failed. All other cells are run and the table is written before.
    """
    tree: Any = OmegaConf.to_container(config, resolve=True)
    found = define(tree)
    cells = found.cells()
    mine = [cells[number] for number in StepPart.parse(config.part).of(len(cells))]
    if not config.dry and any(state_of(cell).status != "done" for cell in mine):
        _prepare(found)
    works = _works(found, tree, bool(config.dry))  # after the data: their vocabulary is part of the work
    lines = {cell.title: commands(found, cell, _width(works, cell)) for cell in cells}
    if config.dry:
        _show_plan(found, works, [lines[cell.title] for cell in mine])
        return []
    for cell in cells:
        check_unchanged(cell, lines[cell.title])
    for number, cell in enumerate(mine, start=1):
        if state_of(cell).status == "done":
            continue
        log.info("cell %d of %d: %s, output in %s", number, len(mine), cell.title, cell.folder)
        state = run_cell(cell, lines[cell.title])
        log.info("%s: %s %s", cell.title, state.status, state.error or f"{state.seconds or 0:.0f} s")
    with output_lock(found.out / "table.json", "out", single=True, wait=True):
        return _finish(found, [read_cell(cell, state_of(cell), lines[cell.title]) for cell in cells], works, mine)


def _width(works: Mapping[str, Work], cell: TableCell) -> str:
    return works[cell.row.name].width if cell.row.name in works else ""


def _works(found: TableDefinition, tree: Mapping[str, Any], dry: bool) -> dict[str, Work]:
    """FLOPs and parameters of the trained rows, by name. Earlier counts are read from the output folder."""
    file = found.out / WORK
    before = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    kept = {key: Work(**fields) for key, fields in before.items()}
    planned: dict[str, Work] = {}

    def of(name: str) -> Work:
        row = baseline_row(tree, name)
        key = shlex.join([*found.size.train, *row.overrides, *([row.match.key] if row.match else [])])
        if key not in kept:
            log.info("counting the FLOPs per step of row %s", name)
            goal = row.match.to if row.match else ""
            kept[key] = row_work(row, found.size.train, lambda: of(goal))
        planned[name] = kept[key]
        return kept[key]

    for row in found.rows:
        if row.kind == "trained":
            of(row.name)
    if not dry:
        with output_lock(file, "out", single=True, wait=True), replacing(file) as out:
            out.write((json.dumps({k: asdict(w) for k, w in kept.items()}, indent=1) + "\n").encode())
    return planned


def _prepare(found: TableDefinition) -> None:
    """Makes the data unless another part has made it already.

    Raises:
        Unif2aceError: If a command fails. The message names its log file.
    """
    file, steps = found.out / PREPARED, [list(words) for words in found.size.prepare]
    with output_lock(file, "out", single=True, wait=True):
        if file.is_file() and json.loads(file.read_text(encoding="utf-8")) == steps:
            return
        for words in steps:
            log.info("data: %s", words[0])
            if error := run_line(["unif2ace-data", *words], found.out / DATA_LOG):
                raise Unif2aceError(
                    f"unif2ace-data {words[0]} failed: {error}; see {found.out / DATA_LOG} for its output"
                )
        with replacing(file) as out:
            out.write((json.dumps(steps) + "\n").encode())


def _finish(
    found: TableDefinition, cells: Sequence[Any], works: Mapping[str, Work], mine: Sequence[TableCell]
) -> list[RowResult]:
    rows = gather(found, cells, works)
    tree = as_json(found, rows, [_experts(found, cell.cell) for cell in cells if newest_experts(cell.cell.run)])
    tree |= {"command": shlex.join([APP, *sys.argv[1:]]), "code": code_provenance(), "date": _now()}
    texts = {
        "table.json": json.dumps(tree, indent=1) + "\n",
        "table.csv": csv_table(found, rows).csv(),
        "table.md": markdown(found, rows),
    }
    for name, text in texts.items():
        with replacing(found.out / name) as file:
            file.write(text.encode())
    console = Console() if sys.stdout.isatty() else Console(width=200)
    for shown in rich_tables(found, rows):
        console.print(shown)
    sys.stdout.write(f"{found.out}: {', '.join([*texts, *(['experts'] if tree['experts'] else [])])}\n")
    titles = {cell.title for cell in mine}
    if failed := [r.cell.title for row in rows for r in row.cells if r.state.status == "failed"]:
        own = [title for title in failed if title in titles]
        if own:
            raise Unif2aceError(
                f"{len(own)} cells failed: {', '.join(own)}; see {found.out}/cells/ROW/seed=N/cell.log for their "
                "output, and run the same command again to retry them"
            )
    return rows


def _experts(found: TableDefinition, cell: TableCell) -> dict[str, Any]:
    """Writes the expert activations of a cell beside the table."""
    source = newest_experts(cell.run)
    assert source is not None
    out = found.out / "experts" / f"{cell.row.name}-seed={cell.seed}"
    files = write_experts(source, out, f"{cell.row.title}, seed {cell.seed}")
    places = {ending: path.relative_to(found.out).as_posix() for ending, path in files.items()}
    return {"row": cell.row.name, "seed": cell.seed, **places}


def _show_plan(found: TableDefinition, works: Mapping[str, Work], cells: Sequence[Sequence[Sequence[str]]]) -> None:
    reference = works.get(found.baseline)
    for name, work in works.items():
        ratio = f", {work.flops / reference.flops:.3f} of {found.baseline}" if reference else ""
        width = f", {work.width}" if work.width else ""
        sys.stdout.write(f"# {name}: {work.flops / 1e9:,.4g} GFLOP per step{ratio}, {work.total:,} parameters{width}\n")
    for words in found.size.prepare:
        sys.stdout.write(shlex.join(["unif2ace-data", *words]) + "\n")
    for line in (line for lines in cells for line in lines):
        sys.stdout.write(shlex.join(line) + "\n")


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _with_table(line: Line) -> Line:
    """Turns the positional argument into ``table=...`` without quotes, because Hydra refuses a quoted group choice.

    Raises:
        ConfigError: If there is more than one positional argument.
    """
    if len(line.words) > 1:
        raise ConfigError(f"give one table, not several: `{APP} {line.words[0]}`, then `{APP} {line.words[1]}`")
    return replace(line, words=[], overrides=[*line.overrides, *(f"table={word}" for word in line.words)])


COMMAND = Command(table, Syntax(APP, "table", ("table",), _with_table))


def main() -> None:
    """Entry point of the console command."""
    run(COMMAND)


if __name__ == "__main__":
    main()
