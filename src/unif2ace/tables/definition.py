"""The definition of a table: rows, columns, and the settings that all rows share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from unif2ace.errors import ConfigError, nearest
from unif2ace.tables.values import VALUES, Value

Kind = Literal["trained", "checkpoint", "outputs"]
NAME = re.compile(r"[A-Za-z0-9][\w-]*")


@dataclass(frozen=True, slots=True)
class Match:
    """Matches the FLOPs per training step of another row by adjusting a width.

    Attributes:
        to: Name of the row whose FLOPs are matched.
        key: Configuration key of the width, such as ``moe.shared_ffn_dim``.
    """

    to: str
    key: str


@dataclass(frozen=True, slots=True)
class Row:
    """A row: a setting to train, trained weights to evaluate, or outputs of any system to score.

    Attributes:
        name: Name of the row and of its folder.
        title: Title of the row in the table.
        overrides: Overrides of `unif2ace-train` for this row.
        evaluate: Overrides of `unif2ace-evaluate` for this row.
        match: Width to adjust so that the FLOPs equal those of another row; None for no adjustment.
        ckpt: Trained weights to evaluate without training; empty for a trained row.
        outputs: Folder of outputs to score without training; empty for other rows.
        paper: Numbers of arXiv 2503.08120 by name of the value.
    """

    name: str
    title: str
    overrides: tuple[str, ...] = ()
    evaluate: tuple[str, ...] = ()
    match: Match | None = None
    ckpt: str = ""
    outputs: str = ""
    paper: Mapping[str, float] = field(default_factory=dict)

    @property
    def kind(self) -> Kind:
        """Whether the row is trained, only evaluated (``checkpoint``), or only scored (``outputs``)."""
        return "outputs" if self.outputs else "checkpoint" if self.ckpt else "trained"


@dataclass(frozen=True, slots=True)
class Paper:
    """Numbers of arXiv 2503.08120 that are shown beside ours.

    Attributes:
        note: Why the numbers cannot be compared with ours.
        values: Columns of the numbers.
        rows: Pairs (title, numbers by value) of further systems.
    """

    note: str = ""
    values: tuple[Value, ...] = ()
    rows: tuple[tuple[str, Mapping[str, float]], ...] = ()


@dataclass(frozen=True, slots=True)
class Size:
    """The settings that all rows share.

    Attributes:
        name: ``smoke``, ``small`` or ``paper``.
        note: A line of text under the title.
        seeds: Seeds of the trained rows.
        prepare: Commands that make the data. Each is a verb of ``unif2ace-data`` with its overrides.
        train: Overrides of all training commands.
        evaluate: Overrides of all evaluation commands.
    """

    name: str
    note: str
    seeds: tuple[int, ...]
    prepare: tuple[tuple[str, ...], ...]
    train: tuple[str, ...]
    evaluate: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TableCell:
    """A row with one seed.

    Attributes:
        row: The row.
        seed: Seed of the training.
        folder: Folder of the cell, which is also the run folder of a trained row.
    """

    row: Row
    seed: int
    folder: Path

    @property
    def run(self) -> Path:
        """Run folder of the weights: `Row.ckpt` if it is a folder, else the folder of the cell."""
        return Path(self.row.ckpt) if self.row.ckpt and Path(self.row.ckpt).is_dir() else self.folder

    @property
    def title(self) -> str:
        """Name of the row, followed by the seed if the row is trained."""
        return f"{self.row.name} seed {self.seed}" if self.row.kind == "trained" else self.row.name


@dataclass(frozen=True, slots=True)
class TableDefinition:
    """The definition of a table.

    Attributes:
        name: Name of the table, such as ``table3``.
        title: Title of the table.
        baseline: Name of the row from which the differences of all other rows are computed; empty for no differences.
        evaluated: Whether trained rows are evaluated. With False the table only shows logged values.
        values: The columns.
        rows: The rows.
        paper: Numbers of arXiv 2503.08120.
        size: The settings that all rows share.
        out: Output folder.
    """

    name: str
    title: str
    baseline: str
    evaluated: bool
    values: tuple[Value, ...]
    rows: tuple[Row, ...]
    paper: Paper
    size: Size
    out: Path

    def cells(self) -> list[TableCell]:
        """All cells, ordered by seed. A trained row has one cell per seed, any other row has one cell."""
        found = []
        for seed in self.size.seeds:
            for row in self.rows:
                if row.kind == "trained" or seed == self.size.seeds[0]:
                    found.append(TableCell(row, seed, self.out / "cells" / row.name / f"seed={seed}"))
        return found


def define(config: Mapping[str, Any]) -> TableDefinition:
    """Reads a table from the configuration of `unif2ace-table`.

    Args:
        config: The resolved configuration as nested dictionaries.

    Raises:
        ConfigError: If a row or a value has an unknown key, or the name of a row, size or baseline does not exist.
    """
    table, out = config["table"], Path(config["out"])
    size = _size(config)
    everything = {name: _row(name, node) for name, node in table["rows"].items()}
    names = list(config["rows"]) or table["rows_of"].get(size.name) or list(everything)
    rows = [_named(everything, name, "rows") for name in names]
    rows += [_given("ckpt", path) for path in config["ckpts"]] + [_given("outputs", path) for path in config["outputs"]]
    _refuse_twice([row.name for row in rows])
    baseline = table["baseline"] or ""
    for name in (baseline, *(row.match.to for row in rows if row.match)):
        if name:
            _named(everything, name, f"table.{table['name']}")
    return TableDefinition(
        name=table["name"],
        title=table["title"],
        baseline=baseline,
        evaluated=table["evaluated"],
        values=tuple(VALUES.get(name, Value(name, name)) for name in table["values"]),
        rows=tuple(rows),
        paper=_paper(table["paper"]),
        size=size,
        out=out,
    )


def last_of_each(*lists: Sequence[str]) -> tuple[str, ...]:
    """Joins lists of overrides. A later override replaces earlier overrides of the same key."""
    found: dict[str, str] = {}
    for override in (word for some in lists for word in some):
        key = override.partition("=")[0]
        found.pop(key, None)
        found[key] = override
    return tuple(found.values())


def baseline_row(config: Mapping[str, Any], name: str) -> Row:
    """A row of the table by name, including rows that the table does not show.

    Args:
        config: The resolved configuration as nested dictionaries.
        name: Name of the row.
    """
    return _row(name, config["table"]["rows"][name])


def _size(config: Mapping[str, Any]) -> Size:
    node = _named(config["sizes"], config["size"], "size")
    seeds = config["seeds"] or node["seeds"]
    if not all(isinstance(seed, int) and seed >= 0 for seed in seeds):
        raise ConfigError(f"seeds={seeds}: give integers of at least 0, such as seeds=[0,1,2]")
    return Size(
        name=config["size"],
        note=node["note"],
        seeds=tuple(dict.fromkeys(seeds)),
        prepare=tuple(tuple(words) for words in node["prepare"]),
        train=last_of_each(node["train"], config["table"]["train"], config["train"]),
        evaluate=last_of_each(node["evaluate"], config["table"]["evaluate"], config["evaluate"]),
    )


def _row(name: str, node: Mapping[str, Any]) -> Row:
    if not NAME.fullmatch(name):
        raise ConfigError(f"table.rows.{name}: use only letters, digits, _ and - in the name of a row")
    _check_keys(node, [f.name for f in fields(Row) if f.name != "name"], f"table.rows.{name}")
    match = node.get("match")
    if match:
        _check_keys(match, [f.name for f in fields(Match)], f"table.rows.{name}.match")
    if sum(bool(node.get(key)) for key in ("ckpt", "outputs", "overrides")) > 1:
        raise ConfigError(f"table.rows.{name}: give only one of overrides, ckpt and outputs")
    return Row(
        name,
        node.get("title", name),
        tuple(node.get("overrides", ())),
        tuple(node.get("evaluate", ())),
        Match(**match) if match else None,
        node.get("ckpt", ""),
        node.get("outputs", ""),
        dict(node.get("paper", {})),
    )


def _given(kind: str, path: str) -> Row:
    """The row for an entry of ``ckpts`` or ``outputs`` on the command line."""
    name = re.sub(r"[^\w-]+", "_", str(path)).strip("_")
    return Row(name, str(path), ckpt=path if kind == "ckpt" else "", outputs=path if kind == "outputs" else "")


def _values(node: Mapping[str, Mapping[str, Any]], place: str) -> tuple[Value, ...]:
    for name, value in node.items():
        _check_keys(value, [f.name for f in fields(Value) if f.name != "name"], f"{place}.{name}")
        if value.get("better") not in ("higher", "lower", None):
            raise ConfigError(f"{place}.{name}.better={value['better']}: give higher, lower or null")
    return tuple(Value(name, **value) for name, value in node.items())


def _paper(node: Mapping[str, Any]) -> Paper:
    rows = tuple((title, dict(numbers)) for title, numbers in node.get("rows", {}).items())
    return Paper(node.get("note", ""), _values(node.get("values", {}), "table.paper.values"), rows)


def _named(known: Mapping[str, Any], name: str, place: str) -> Any:
    if name not in known:
        raise ConfigError(f"{place}: there is no {name!r}{nearest(name, known)}; give one of {', '.join(known)}")
    return known[name]


def _check_keys(node: Mapping[str, Any], known: Iterable[str], place: str) -> None:
    known = list(known)
    for key in node:
        if key not in known:
            raise ConfigError(f"{place}.{key}: unknown key{nearest(key, known)}; give one of {', '.join(known)}")


def _refuse_twice(names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"two rows have the name {name}, which is also the name of their folder: leave one out")
