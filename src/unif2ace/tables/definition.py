"""What a table consists of: rows, values, and the settings that all rows share."""

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
    """A width that is set so that two rows take equal work per step.

    Attributes:
        to: Name of the row whose work is met.
        key: Key of the width, such as ``moe.shared_ffn_dim``.
    """

    to: str
    key: str


@dataclass(frozen=True, slots=True)
class Row:
    """A row: a setting that is trained, trained weights, or the outputs of any system.

    Attributes:
        name: Name of its folder.
        title: What the table calls it.
        overrides: What distinguishes its training from that of the other rows.
        evaluate: What distinguishes its evaluation.
        match: The width that is set to meet another row's work; None for none.
        ckpt: Trained weights, which are only evaluated; empty for none.
        outputs: Folder of a system's outputs, which are only scored; empty for none.
        paper: The paper's numbers, by name.
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
        """What is done for it."""
        return "outputs" if self.outputs else "checkpoint" if self.ckpt else "trained"


@dataclass(frozen=True, slots=True)
class Paper:
    """Numbers of the paper that are shown beside ours.

    Attributes:
        note: Why they cannot be compared.
        values: Their columns.
        rows: Further systems: title and numbers.
    """

    note: str = ""
    values: tuple[Value, ...] = ()
    rows: tuple[tuple[str, Mapping[str, float]], ...] = ()


@dataclass(frozen=True, slots=True)
class Size:
    """The settings that all rows share.

    Attributes:
        name: ``smoke``, ``small`` or ``paper``.
        note: A line under the title.
        seeds: Seeds of the trained rows.
        prepare: Commands that make the data, each a verb of ``unif2ace-data`` with its overrides.
        train: Overrides of every training.
        evaluate: Overrides of every evaluation.
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
        folder: Its run folder.
    """

    row: Row
    seed: int
    folder: Path

    @property
    def run(self) -> Path:
        """The run that was trained: its own folder, or that of the weights which are given."""
        return Path(self.row.ckpt) if self.row.ckpt and Path(self.row.ckpt).is_dir() else self.folder

    @property
    def title(self) -> str:
        """Row and seed."""
        return f"{self.row.name} seed {self.seed}" if self.row.kind == "trained" else self.row.name


@dataclass(frozen=True, slots=True)
class TableDefinition:
    """A table.

    Attributes:
        name: Its name, such as ``table3``.
        title: Its title.
        baseline: Name of the row that others are subtracted from; empty for none.
        evaluated: Whether trained rows are evaluated; else only what training logs is reported.
        values: The columns.
        rows: The rows.
        paper: Numbers of the paper.
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
        """Every row with every seed, seed by seed; rows that are not trained have one cell."""
        found = []
        for seed in self.size.seeds:
            for row in self.rows:
                if row.kind == "trained" or seed == self.size.seeds[0]:
                    found.append(TableCell(row, seed, self.out / "cells" / row.name / f"seed={seed}"))
        return found


def define(config: Mapping[str, Any]) -> TableDefinition:
    """Reads a table from the configuration of `unif2ace-table`.

    Args:
        config: The configuration as plain values.

    Raises:
        ConfigError: If a row, a value or a size has a wrong key, or a name does not exist.
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
    """The overrides of several lists in their order; a later one replaces earlier ones of the same key."""
    found: dict[str, str] = {}
    for override in (word for some in lists for word in some):
        key = override.partition("=")[0]
        found.pop(key, None)
        found[key] = override
    return tuple(found.values())


def baseline_row(config: Mapping[str, Any], name: str) -> Row:
    """A row of the table, shown or not.

    Args:
        config: The configuration as plain values.
        name: Its name.
    """
    return _row(name, config["table"]["rows"][name])


def _size(config: Mapping[str, Any]) -> Size:
    node = _named(config["sizes"], config["size"], "size")
    seeds = config["seeds"] or node["seeds"]
    if not all(isinstance(seed, int) and seed >= 0 for seed in seeds):
        raise ConfigError(f"seeds={seeds}: give whole numbers from 0, such as seeds=[0,1,2]")
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
        raise ConfigError(f"table.rows.{name}: a row's name is a folder's: letters, digits, _ and - only")
    _check_keys(node, [f.name for f in fields(Row) if f.name != "name"], f"table.rows.{name}")
    match = node.get("match")
    if match:
        _check_keys(match, [f.name for f in fields(Match)], f"table.rows.{name}.match")
    if sum(bool(node.get(key)) for key in ("ckpt", "outputs", "overrides")) > 1:
        raise ConfigError(f"table.rows.{name}: give one of overrides, ckpt and outputs")
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
    """The row of weights or outputs that were given on the command line."""
    name = re.sub(r"[^\w-]+", "_", str(path)).strip("_")
    return Row(name, str(path), ckpt=path if kind == "ckpt" else "", outputs=path if kind == "outputs" else "")


def _values(node: Mapping[str, Mapping[str, Any]], place: str) -> tuple[Value, ...]:
    for name, value in node.items():
        _check_keys(value, [f.name for f in fields(Value) if f.name != "name"], f"{place}.{name}")
        if value.get("better") not in ("higher", "lower", None):
            raise ConfigError(f"{place}.{name}.better={value['better']}: higher, lower or null")
    return tuple(Value(name, **value) for name, value in node.items())


def _paper(node: Mapping[str, Any]) -> Paper:
    rows = tuple((title, dict(numbers)) for title, numbers in node.get("rows", {}).items())
    return Paper(node.get("note", ""), _values(node.get("values", {}), "table.paper.values"), rows)


def _named(known: Mapping[str, Any], name: str, place: str) -> Any:
    if name not in known:
        raise ConfigError(f"{place}: there is no {name!r}{nearest(name, known)}; there are {', '.join(known)}")
    return known[name]


def _check_keys(node: Mapping[str, Any], known: Iterable[str], place: str) -> None:
    known = list(known)
    for key in node:
        if key not in known:
            raise ConfigError(f"{place}.{key}: nothing reads it{nearest(key, known)}; there are {', '.join(known)}")


def _refuse_twice(names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"two rows are called {name}: each writes a folder of its name; leave one out")
