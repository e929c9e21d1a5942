"""Results of a network or a system on a split: printed as tables, written as JSON and images."""

from __future__ import annotations

import datetime
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Column, Table

from unif2ace.data.atomic import replacing
from unif2ace.engine.provenance import code_provenance, plain_metrics
from unif2ace.engine.weights import Weights

if TYPE_CHECKING:
    import lightning.pytorch as pl

    from unif2ace.evaluation.metrics.base import OutputMetric
    from unif2ace.metrics.scores import Score

FILE_NAME = "evaluation.json"
REPLICATES, SAMPLES = "replicates.json", "samples.jsonl"


@dataclass
class Evaluation:
    """Results of a network, or of a system's outputs, on a split.

    Attributes:
        weights: Weights of the network; None for the outputs of another system.
        out: Output folder.
        pictures: Number of valid images.
        values: Values by name; None for values that are not finite.
        described: By metric name, descriptions of the metric's values.
        tables: By metric name, detailed tables of the metrics that have one.
        files: Images that metrics wrote.
        system: Name of the system, if there are no weights.
    """

    weights: Weights | None
    out: Path
    pictures: int = 0
    values: dict[str, float | None] = field(default_factory=dict)
    described: dict[str, dict[str, str]] = field(default_factory=dict)
    tables: dict[str, Any] = field(default_factory=dict)
    files: list[Path] = field(default_factory=list)
    system: str = ""

    def callback(self) -> pl.Callback:
        """A callback that counts valid images, and reads the metrics when the validation epoch ends.

        The metrics are read before the module resets them.
        """
        import lightning.pytorch as pl

        def count(trainer: pl.Trainer, module: pl.LightningModule, outputs: Any, batch: Any, *_: int) -> None:
            self.pictures += int(trainer.strategy.reduce(batch.valid.sum(), reduce_op="sum"))

        def ask(trainer: pl.Trainer, module: pl.LightningModule) -> None:
            for name, metric in module.metrics.items():  # type: ignore[operator, union-attr]
                self._take(name, metric, trainer.is_global_zero)

        return pl.callbacks.LambdaCallback(on_validation_batch_end=count, on_validation_epoch_end=ask)

    def _take(self, name: str, metric: Any, writes: bool) -> None:
        from torchmetrics import Metric

        self.values |= plain_metrics(metric.compute())
        self.described[name] = dict(metric.describe())
        if not writes:
            return
        if hasattr(metric, "table"):
            self.tables[name] = metric.table()
        if type(metric).plot is not Metric.plot:  # the base class has one that raises
            path = self.out / f"{name}.png"
            metric.plot(path)
            self.files.append(path)

    def draw(self, metrics: Mapping[str, OutputMetric]) -> None:
        """Writes the figures of the metrics that have one, as ``METRIC.png``."""
        for name, metric in metrics.items():
            if metric.figure(self.out / f"{name}.png"):
                self.files.append(self.out / f"{name}.png")

    def show(self, console: Console, data: str) -> None:
        """Prints the values and the detailed tables.

        Args:
            console: Console to print to.
            data: Name of the data set.
        """
        beside = {value: text for texts in self.described.values() for value, text in texts.items()}
        table = Table("value", Column(justify="right"), "measured with")
        for name, value in self.values.items():
            table.add_row(name, "not finite" if value is None else f"{value:.4g}", beside.pop(name, ""))
        for name, text in beside.items():
            table.add_row(name, "", text)
        if not any(texts for texts in self.described.values()):
            table.columns.pop()
        name = f"{self.weights.kind} {self.weights.short}" if self.weights else self.system
        title = f"{name} on {self.pictures:,} pictures of {data}"
        console.print(title, highlight=False)
        console.print(table)
        for finer in self.tables.values():
            console.print(finer)

    def write(self, provenance: Mapping[str, Any]) -> Path:
        """Writes ``evaluation.json``.

        Args:
            provenance: Provenance of the data.

        Returns:
            Path of the file.
        """
        tree = {
            "values": self.values,
            "pictures": self.pictures,
            "split": "val",
            "metrics": self.described,
            **self._subject(),
            **provenance,
            "code": code_provenance(),
            "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        }
        path = self.out / FILE_NAME
        with replacing(path) as file:
            file.write((json.dumps(tree, indent=1) + "\n").encode())
        return path

    def _subject(self) -> dict[str, Any]:
        """Fields that identify the weights, or else the system."""
        if self.weights is None:
            return {"system": self.system}
        names = {"file": self.weights.path.name, "kind": self.weights.kind, "fingerprint": self.weights.fingerprint}
        return {"weights": names}


def write_parts(out: Path, scores: Mapping[str, Score], samples: Mapping[str, Mapping[str, float]]) -> None:
    """Writes ``replicates.json`` and ``samples.jsonl``, which `unif2ace-compare` uses to compare two systems.

    Args:
        out: Output folder.
        scores: Values by name, with their bootstrap replicates.
        samples: Values of single samples, by value name and sample key.
    """
    replicates = {
        name: [value if math.isfinite(value) else None for value in score.replicates]
        for name, score in scores.items()
        if score.replicates
    }
    with replacing(out / REPLICATES) as file:
        file.write((json.dumps(replicates) + "\n").encode())
    keys = dict.fromkeys(key for of_key in samples.values() for key in of_key)
    rows = [{"key": key, **{name: of_key[key] for name, of_key in samples.items() if key in of_key}} for key in keys]
    with replacing(out / SAMPLES) as file:
        file.write("".join(json.dumps(row) + "\n" for row in rows).encode())
