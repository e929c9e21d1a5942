"""Reads a folder of results for a report. Damaged files are noted and left out."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from unif2ace.comparing.run import ComparedRun, flat, last_and_best
from unif2ace.report.sampled_faces import SampledFaces

TABLE, STAGES, EVALUATION = "table.json", "stages.json", "evaluation.json"
GENERATED = re.compile(r"\d{3,}-seed\d+\.png")
"""File names of the faces that `unif2ace-generate` writes."""
_STEP = re.compile(r"(\d+)\D*$")


@dataclass
class ResultFolder:
    """A run, an evaluation, scored outputs, generated faces, or a table of experiments.

    A property is empty if the folder lacks the file that it is read from.

    Args:
        name: Name of the folder in the report.
        path: The folder.
        of_table: Name of the table, if the folder is a cell of a table; else None.

    Attributes:
        faults: One message for each file that could not be read.
    """

    name: str
    path: Path
    of_table: str | None = None
    faults: list[str] = field(default_factory=list)

    @cached_property
    def run(self) -> Path:
        """Folder of the run: the parent folder if this is the evaluation in a run, else the folder itself."""
        inside = (self.path / EVALUATION).is_file() and (self.path.parent / "config.yaml").is_file()
        return self.path.parent if inside else self.path

    @cached_property
    def evaluated(self) -> Path:
        """Folder of the evaluation."""
        return self.path if (self.path / EVALUATION).is_file() else self.path / "evaluation"

    @cached_property
    def evaluation(self) -> Mapping[str, Any]:
        """Content of ``evaluation.json``."""
        return self._json(self.evaluated / EVALUATION)

    @cached_property
    def kind(self) -> str:
        """Kind of the trained or scored network, such as ``unified`` or ``tokenizer``; empty if unknown."""
        module = str(self.config.get("module._target_", "")).rpartition(".")[2].removesuffix("Module").lower()
        weights = self.evaluation.get("weights")
        return str(weights.get("kind", "")) if isinstance(weights, Mapping) else module

    @cached_property
    def config(self) -> Mapping[str, Any]:
        """Values of the configuration by dotted key."""
        file = self.run / "config.yaml"
        try:
            tree = yaml.safe_load(file.read_text(encoding="utf-8")) if file.is_file() else None
        except (OSError, ValueError, yaml.YAMLError) as error:
            self._note(file, error)
            return {}
        return dict(flat(tree)) if isinstance(tree, Mapping) else {}

    @cached_property
    def logged(self) -> Mapping[str, Sequence[tuple[int, float]]]:
        """Pairs (step, value) of each logged quantity, from ``metrics.csv``. An incomplete last row is left out."""
        found: dict[str, list[tuple[int, float]]] = {}
        for name, value, step in self._logged():
            found.setdefault(name, []).append((step, value))
        return found

    def _logged(self) -> Iterator[tuple[str, float, int]]:
        file = self.run / "metrics.csv"
        if not file.is_file():
            return
        try:
            with file.open(encoding="utf-8", errors="replace", newline="") as opened:
                for row in csv.DictReader(opened):
                    step = _number(row.get("step"))
                    for name, text in row.items() if step is not None else ():
                        if isinstance(name, str) and "/" in name and (value := _number(text)) is not None:
                            yield name, value, int(step or 0)
        except (OSError, csv.Error) as error:
            self._note(file, error)

    @cached_property
    def compared(self) -> ComparedRun:
        """The run in the form that `unif2ace-compare` uses."""
        values = ((name, value, step) for name, pairs in self.logged.items() for step, value in pairs)
        last, best = last_and_best(values)
        scored = self.evaluated if self.evaluation else None
        return ComparedRun(self.name, self.config, last, best, self.evaluation, scored)

    @cached_property
    def understood(self) -> Sequence[Mapping[str, Any]]:
        """Faces with their generated captions and answers, from ``understood.jsonl``."""
        file = self.evaluated / "understood.jsonl"
        rows = []
        for number, line in enumerate(_text(file).splitlines(), start=1):
            try:
                row = json.loads(line)
            except ValueError:
                self.faults.append(f"{file.name}: line {number} is not JSON and is left out")
                continue
            if isinstance(row, Mapping) and "key" in row:
                rows.append(row)
        return rows

    @cached_property
    def samples(self) -> SampledFaces:
        """Generated faces by prompt."""
        return SampledFaces(self.evaluated if (self.evaluated / "faces").is_dir() else self.path)

    @cached_property
    def experts(self) -> Mapping[str, Mapping[str, Any]]:
        """Expert activations by title: of a run's last validation, or of the first seed of each row of a table."""
        if not self.table:
            found = self._last("experts")
            return {f"{self.name}, step {found.get('step', '?')}": found} if found else {}
        rows: dict[str, Mapping[str, Any]] = {}
        for one in self.table.get("experts") or []:
            rows.setdefault(one["row"], one)
        return {f"{row}, seed {one.get('seed')}": self._json(self.path / one["json"]) for row, one in rows.items()}

    @cached_property
    def noise_levels(self) -> Mapping[str, Any]:
        """Losses by noise level of the last validation."""
        return self._last("noise_levels")

    @cached_property
    def environment(self) -> Mapping[str, Any]:
        """Package versions, code version and command of the run, from ``environment.json``."""
        return self._json(self.run / "environment.json")

    @cached_property
    def summary(self) -> Mapping[str, str]:
        """The lines ``name  value`` at the top of ``summary.txt``."""
        lines = (line.partition("  ") for line in _text(self.run / "summary.txt").partition("\n\n")[0].splitlines())
        return {name: value.strip() for name, _, value in lines if value}

    @cached_property
    def table(self) -> Mapping[str, Any]:
        """Content of ``table.json``."""
        return self._json(self.path / TABLE)

    @cached_property
    def quickstart(self) -> Mapping[str, Any]:
        """Content of ``stages.json``: the command and the stages of a quickstart."""
        return self._json(self.path / STAGES)

    @property
    def stages(self) -> Sequence[Mapping[str, Any]]:
        """Stages of a quickstart, each with its name and its duration in seconds."""
        found = self.quickstart.get("stages", [])
        return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []

    def _last(self, folder: str) -> Mapping[str, Any]:
        """Content of the JSON file with the largest step in a folder of the run."""
        files = {path: _STEP.search(path.stem) for path in (self.run / folder).glob("*.json")}
        steps = {path: int(found[1]) for path, found in files.items() if found}
        return self._json(max(steps, key=lambda path: (steps[path], path.name))) if steps else {}

    def _json(self, file: Path) -> Mapping[str, Any]:
        if not file.is_file():
            return {}
        try:
            tree = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            self._note(file, error)
            return {}
        if not isinstance(tree, Mapping):
            self.faults.append(f"{file.name} is not a JSON object and is left out")
            return {}
        return tree

    def _note(self, file: Path, error: Exception) -> None:
        self.faults.append(f"{file.name} cannot be read ({' '.join(str(error).split())}) and is left out")


def _number(text: str | None) -> float | None:
    """The text as a finite number; None if it is not one."""
    try:
        value = float(text) if text else math.nan
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
