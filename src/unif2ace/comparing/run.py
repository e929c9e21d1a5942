"""Reads runs and scored outputs for comparison: configuration, logged values and scores."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from unif2ace.errors import DataError

SWEEP = "sweep.csv"
HIGHER = ("accuracy", "average_precision", "codebook_use", "f1", "perplexity", "psnr", "ssim")
"""Prefixes of logged values for which higher is better. For all other values lower is better."""


@dataclass(frozen=True)
class ComparedRun:
    """A run, or the scored outputs of a system.

    Attributes:
        name: Name in tables.
        config: Configuration values by dotted key; empty if there is no configuration.
        last: Last value of each logged quantity.
        best: Best value of each logged quantity, with its step.
        evaluation: Content of ``evaluation.json``; empty without an evaluation.
        folder: Folder of the evaluation; None without an evaluation.
    """

    name: str
    config: Mapping[str, Any] = field(default_factory=dict)
    last: Mapping[str, float] = field(default_factory=dict)
    best: Mapping[str, tuple[float, int]] = field(default_factory=dict)
    evaluation: Mapping[str, Any] = field(default_factory=dict)
    folder: Path | None = None

    @property
    def scores(self) -> Mapping[str, float]:
        """Finite scores of the evaluation by name."""
        return {name: value for name, value in self.evaluation.get("values", {}).items() if value is not None}

    def interval(self, name: str) -> tuple[float, float] | None:
        """The 95 % interval of a score; None if the evaluation has no interval for it."""
        found = self.evaluation.get("intervals", {}).get(name)
        return (found[0], found[1]) if found else None

    @cached_property
    def replicates(self) -> Mapping[str, Sequence[float | None]]:
        """Bootstrap replicates of the scores by name; empty if ``replicates.json`` is missing."""
        path = self.folder / "replicates.json" if self.folder else None
        return _json(path) if path and path.is_file() else {}


def read_runs(paths: Sequence[str | Path]) -> list[ComparedRun]:
    """Reads runs, evaluations, scored outputs, and all finished runs of sweeps.

    Args:
        paths: Folders of runs, evaluations, scored outputs or sweeps.

    Raises:
        DataError: If a folder is none of these, or a file is damaged.
    """
    folders = [folder for path in map(Path, paths) for folder in _of_sweep(path)]
    return [_read(folder, name) for folder, name in zip(folders, short_names(folders), strict=True)]


def _of_sweep(path: Path) -> list[Path]:
    if not (path / SWEEP).is_file():
        return [path]
    with (path / SWEEP).open(encoding="utf-8", newline="") as file:
        done = [row["run_dir"] for row in csv.DictReader(file) if row["status"] == "done" and row["run_dir"]]
    if not done:
        raise DataError(f"{path / SWEEP} lists no finished run: give folders of runs")
    moved = [path / Path(folder).name for folder in done]
    return [Path(folder) if Path(folder).is_dir() else beside for folder, beside in zip(done, moved, strict=True)]


def short_names(folders: Sequence[Path]) -> list[str]:
    """Paths of the folders without their common prefix; the last part of the path for a single folder."""
    parts = [folder.absolute().parts for folder in folders]
    least = min(map(len, parts))
    same = next((n for n in range(least) if len({part[n] for part in parts}) > 1), least - 1)
    return [str(Path(*part[min(same, len(part) - 1) :])) for part in parts]


def _read(folder: Path, name: str) -> ComparedRun:
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; give folders of runs, evaluations or scored outputs")
    evaluation = next((f for f in (folder, folder / "evaluation") if (f / "evaluation.json").is_file()), None)
    run = folder.parent if evaluation == folder and (folder.parent / "config.yaml").is_file() else folder
    config, logged = run / "config.yaml", run / "metrics.csv"
    if not (evaluation or config.is_file() or logged.is_file()):
        mend = f"score outputs first with `unif2ace-evaluate outputs={folder}`"
        raise DataError(f"{folder} has no config.yaml, metrics.csv or evaluation.json: give a run's folder, or {mend}")
    last, best = read_values(logged)
    return ComparedRun(
        name,
        dict(flat(_yaml(config))) if config.is_file() else {},
        last,
        best,
        _json(evaluation / "evaluation.json") if evaluation else {},
        evaluation,
    )


def read_values(path: Path) -> tuple[dict[str, float], dict[str, tuple[float, int]]]:
    """Last and best values in a run's ``metrics.csv``; empty if the file does not exist.

    Args:
        path: Path of ``metrics.csv``.

    Raises:
        DataError: If the file cannot be read.
    """
    if not path.is_file():
        return {}, {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return last_and_best(found for row in csv.DictReader(file) for found in _logged(row))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error}): leave this run out") from error


def last_and_best(logged: Iterable[tuple[str, float, int]]) -> tuple[dict[str, float], dict[str, tuple[float, int]]]:
    """The last value of each quantity, and the best value with its step.

    Args:
        logged: Triples (name, value, step) in the order of the log.
    """
    last: dict[str, float] = {}
    best: dict[str, tuple[float, int]] = {}
    for name, value, step in logged:
        last[name] = value
        better = max if name.rpartition("/")[2].startswith(HIGHER) else min
        best[name] = better(best.get(name, (value, step)), (value, step), key=lambda pair: pair[0])
    return last, best


def _logged(row: Mapping[str, str]) -> Iterable[tuple[str, float, int]]:
    for name, text in row.items():
        if text and "/" in name and math.isfinite(value := float(text)):
            yield name, value, int(float(row.get("step") or 0))


def flat(tree: Any, above: str = "") -> Iterable[tuple[str, Any]]:
    """Yields (dotted key, value) of nested dictionaries."""
    if isinstance(tree, dict) and tree:
        for key, value in tree.items():
            yield from flat(value, f"{above}.{key}" if above else str(key))
    else:
        yield above, tree


def _yaml(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise DataError(f"{path} cannot be read ({error}): leave this run out") from error


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error}): evaluate again") from error
