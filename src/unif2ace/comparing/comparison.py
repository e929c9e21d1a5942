"""Tables that compare runs: differing keys, last and best values, scores, means over seeds, paired differences."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from unif2ace.comparing.run import ComparedRun
from unif2ace.comparing.statistics import differences, interval, mean_and_error
from unif2ace.comparing.table import TextTable
from unif2ace.comparing.unlike import refuse_unlike
from unif2ace.errors import ConfigError, nearest

PLACES = re.compile(r"run_dir|.*\.default_root_dir|paths\..*|hydra\..*|.*\bfolder|out|tags.*|logger\..*|engine\..*")
"""Matches keys that only say where a run writes. These keys are not compared."""
SEEDS = ("seed", "scores.seed", "data.seed", "module.seed", "dataset.synthetic.seed")
"""Seeds. Runs that differ only in these keys have the same setting."""
SCORE = "score/"
"""Prefix of the score columns in CSV."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Runs to compare, and the columns to show.

    Attributes:
        runs: The runs. Differences are computed from the first run.
        columns: Names of logged values, such as ``val/loss``, and of scores, such as ``agreement``.
    """

    runs: Sequence[ComparedRun]
    columns: Sequence[str]

    @property
    def differing(self) -> list[str]:
        """Configuration keys whose values differ between runs, in the order of the configurations."""
        keys = list(dict.fromkeys(key for run in self.runs for key in run.config))
        configured = [run for run in self.runs if run.config]
        seen = {key: {repr(run.config.get(key)) for run in configured} for key in keys if not PLACES.fullmatch(key)}
        return [key for key, values in seen.items() if len(values) > 1]

    def tables(self) -> list[TextTable]:
        """The tables of values, scores, means over seeds and paired differences. Empty tables are left out."""
        found = [self.values(), self.scores(), self.seeds(), self.differences()]
        return [table for table in found if table.rows and len(table.head) > 1]

    def values(self) -> TextTable:
        """One row for each run: the differing keys, and the last and best value of each logged quantity."""
        logged = [name for name in self.columns if any(name in run.last for run in self.runs)]
        head = ["run", *self.differing, *(text for name in logged for text in (name, f"best {name}", "at step"))]
        rows = [
            [run.name, *self._keys(run), *(t for name in logged for t in _last_best(run, name))] for run in self.runs
        ]
        return TextTable(head, rows)

    def scores(self) -> TextTable:
        """One row for each score: the value and the 95 % interval of each run."""
        names = [name for name in self.columns if any(name in run.scores for run in self.runs)]
        rows = [[name, *(_with_interval(run, name) for run in self.runs)] for name in names]
        return TextTable(["score", *(run.name for run in self.runs)], rows, "scores, with 95 % intervals over samples")

    def seeds(self) -> TextTable:
        """One row for each setting: mean and standard error over seeds of each column. Empty without several seeds."""
        keys = [key for key in self.differing if key not in SEEDS]
        groups: dict[tuple[str, ...], list[ComparedRun]] = {}
        for run in self.runs:
            groups.setdefault(tuple(_cell(run.config.get(key)) for key in keys), []).append(run)
        several = any(len({repr([run.config.get(k) for k in SEEDS]) for run in some}) > 1 for some in groups.values())
        rows = []
        for setting, some in groups.items() if several else ():
            means = (
                mean_error([v for v in (self._value(r, name) for r in some) if v is not None]) for name in self.columns
            )
            rows.append([*setting, str(len(some)), *means])
        return TextTable([*keys, "seeds", *self.columns], rows, "mean and standard error over seeds")

    def differences(self) -> TextTable:
        """One row for each shared score: paired differences from the first run, with 95 % intervals."""
        first, *others = self.runs
        rows = []
        for name in self.columns:
            cells = [_difference(first, other, name) for other in others]
            if any(cells):
                rows.append([name, *cells])
        head = ["score", *(f"{other.name} - {first.name}" for other in others)]
        return TextTable(head, rows, "paired differences, with 95 % intervals; * excludes 0")

    def flat(self) -> TextTable:
        """One row per run with all columns, for CSV."""
        head = ["run", *self.differing]
        rows = [[run.name, *self._keys(run)] for run in self.runs]
        for name in self.columns:
            parts = {
                name: [run.last.get(name) for run in self.runs],
                f"best {name}": [run.best.get(name, (None,))[0] for run in self.runs],
                f"{SCORE}{name}": [run.scores.get(name) for run in self.runs],
                f"{SCORE}{name} low": [(run.interval(name) or (None,))[0] for run in self.runs],
                f"{SCORE}{name} high": [(run.interval(name) or (None,))[-1] for run in self.runs],
            }
            for title, values in parts.items():
                if any(value is not None for value in values):
                    head.append(title)
                    for row, value in zip(rows, values, strict=True):
                        row.append("" if value is None else repr(value))
        return TextTable(head, rows)

    def _keys(self, run: ComparedRun) -> list[str]:
        return [_cell(run.config.get(key)) for key in self.differing]

    def _value(self, run: ComparedRun, name: str) -> float | None:
        return run.scores.get(name, run.last.get(name))


def compare(runs: Sequence[ComparedRun], columns: Sequence[str] = ()) -> Comparison:
    """Compares runs.

    Args:
        runs: The runs, at least one.
        columns: Names of values to show; by default ``val/loss`` and all scores.

    Raises:
        ConfigError: If two evaluations used different options or data, or no run has a value of this name.
    """
    refuse_unlike(runs)
    known = list(dict.fromkeys(name for run in runs for name in (*run.last, *run.scores)))
    for name in columns:
        if name not in known:
            raise ConfigError(f"columns={name}: no run has a value of this name{nearest(name, known)}")
    scores = dict.fromkeys(name for run in runs for name in run.scores)
    return Comparison(runs, list(columns) or [*(name for name in ("val/loss",) if name in known), *scores])


def mean_error(values: Sequence[float]) -> str:
    """Mean and standard error as text. A single value has no error; no value gives an empty text."""
    if not values:
        return ""
    mean, error = mean_and_error(values)
    return f"{mean:.4g}" if error is None else f"{mean:.4g} +- {error:.2g}"


def _difference(first: ComparedRun, other: ComparedRun, name: str) -> str:
    """Difference of a score, with the 95 % interval of the paired replicates if both runs have them."""
    if name not in first.scores or name not in other.scores:
        return ""
    value = other.scores[name] - first.scores[name]
    limits = interval(differences(first.replicates.get(name, ()), other.replicates.get(name, ())))
    if limits is None:
        return f"{value:+.4f}"
    low, high = limits
    return f"{value:+.4f} ({low:+.4f} to {high:+.4f}){' *' if low > 0 or high < 0 else ''}"


def _with_interval(run: ComparedRun, name: str) -> str:
    if name not in run.scores:
        return ""
    limits = run.interval(name)
    return f"{run.scores[name]:.4g}" + (f" ({limits[0]:.3f} to {limits[1]:.3f})" if limits else "")


def _last_best(run: ComparedRun, name: str) -> Iterable[str]:
    if name not in run.last:
        return "", "", ""
    value, step = run.best.get(name, (run.last[name], 0))
    return f"{run.last[name]:.6g}", f"{value:.6g}", str(step)


def _cell(value: Any) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else "" if value is None else str(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def seed_table(settings: Sequence[Mapping[str, Any]], values: Sequence[Mapping[str, float]]) -> str:
    """Means over the seeds of a sweep as text; empty if no setting has several seeds.

    Args:
        settings: Differing keys and values of each job.
        values: Last value of each logged quantity, for each job.
    """
    runs = [ComparedRun(str(n), one, last) for n, (one, last) in enumerate(zip(settings, values, strict=True))]
    columns = sorted({name for last in values for name in last})
    table = Comparison(runs, columns).seeds() if runs else TextTable([], [])
    return table.text() if table.rows else ""
