"""A one-page text summary of a run, on the terminal and in its folder."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from rich.console import Console
from torch import nn

from unif2ace.callbacks.counting import GIB, Seen, peak_memory
from unif2ace.callbacks.progress import clock, number

FILE_NAME = "summary.txt"
NEXT = {
    "unified": (
        "unif2ace-evaluate {run} evaluator=CLASSIFIER_RUN",
        'unif2ace-generate "A smiling woman with red hair." n=8 ckpt={run}',
        "unif2ace-caption my/face.jpg ckpt={run}",
    ),
    "tokenizer": (
        "unif2ace-evaluate {run}",
        "unif2ace-data roundtrip my/face.jpg ckpt={run}",
        "unif2ace-train experiment=unified/synthetic image_tokenizer={run} classifier=CLASSIFIER_RUN",
    ),
    "attributes": (
        "unif2ace-evaluate {run}",
        "unif2ace-train experiment=unified/synthetic classifier={run} image_tokenizer=TOKENIZER_RUN",
    ),
}
"""Next commands after a run, by the file name of its module."""
SHEETS = ("samples", "pictures", "noise_levels", "experts")


class RunSummary(pl.Callback):
    """Reports at the end of a run, also if it was stopped, the paths, time, memory and results.

    For every loss and validation metric it lists the last, smallest and largest value with their steps. A value that
    was measured once has no smallest and largest. Training losses are those of one step, read when a validation begins
    and at the end; validation values are of the whole validation. Time, images and tokens continue in a resumed run.

    Args:
        folder: The run's folder: ``summary.txt`` is written there.
        show: Whether the summary is also printed to the terminal.
    """

    def __init__(self, folder: str | Path, show: bool = True) -> None:
        self.folder, self.show = Path(folder), show
        self._seen = Seen()
        self._values: dict[str, list[list[float]]] = {}  # name: last, least, greatest; each a value and its step
        self._before, self._began, self._peak = 0.0, time.monotonic(), 0

    def state_dict(self) -> dict[str, Any]:
        """Time, memory, counts and values so far."""
        return {"seen": self._seen.state_dict(), "values": self._values, "seconds": self._seconds, "peak": self._peak}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restores the counts and values."""
        self._seen.load_state_dict(state_dict["seen"])
        self._values, self._before, self._peak = state_dict["values"], state_dict["seconds"], state_dict["peak"]

    @property
    def _seconds(self) -> float:
        return self._before + time.monotonic() - self._began

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Starts the clock."""
        self._began = time.monotonic()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Counts a batch without synchronising the device."""
        self._seen.add(trainer, getattr(pl_module, "net", None), batch)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stores the training losses before validation replaces them."""
        self._note(trainer, "train/")

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stores the validation metrics."""
        self._note(trainer, "val/")
        self._peak = max(self._peak, peak_memory(pl_module.device))

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stores the last losses."""
        self._note(trainer, "train/")

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Writes the summary."""
        self._write(trainer, pl_module, "finished")

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Writes the summary of a run that was stopped or failed."""
        stopped = isinstance(exception, KeyboardInterrupt | SystemExit)
        self._write(trainer, pl_module, "stopped" if stopped else f"failed: {type(exception).__name__}: {exception}")

    def _note(self, trainer: pl.Trainer, prefix: str) -> None:
        if trainer.sanity_checking or not trainer.is_global_zero:
            return
        step = trainer.global_step
        for name, tensor in trainer.callback_metrics.items():
            value = float(tensor)
            if not name.startswith(prefix) or not math.isfinite(value):
                continue
            now = [value, step]
            _, least, greatest = self._values.get(name, [now] * 3)
            self._values[name] = [now, min(least, now, key=_first), max(greatest, now, key=_first)]

    def _write(self, trainer: pl.Trainer, module: pl.LightningModule, how: str) -> None:
        if trainer.fast_dev_run or not trainer.is_global_zero:  # type: ignore[attr-defined]
            return
        self._peak = max(self._peak, peak_memory(module.device))
        lines = [*self._spent(trainer, module, how), "", *self._places(trainer, how), "", *table(self._values)]
        further = self._further(trainer, getattr(module, "kind", ""), how)
        text = "\n".join([*lines, *(["", "next:"] if further else []), *(f"  {line}" for line in further)])
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / FILE_NAME).write_text(text + "\n", encoding="utf-8")
        if self.show:
            Console(stderr=True).print(f"\n{text}\n", markup=False, highlight=False, soft_wrap=True)

    def _further(self, trainer: pl.Trainer, kind: str, how: str) -> list[str]:
        """What can be done next: only what the files of the run allow."""
        places = (getattr(callback, "dirpath", None) for callback in trainer.checkpoint_callbacks)
        saved = [Path(place) for place in places if place]
        # a run that is stopped is saved after this summary
        can_go_on = bool(saved) and (how == "stopped" or any(any(p.iterdir()) for p in saved if p.is_dir()))
        further = (
            [line.format(run=self.folder) for line in NEXT.get(kind, ())] if how == "finished" or can_go_on else []
        )
        if how != "finished" and can_go_on:
            further.insert(0, f"the same command with run_dir={self.folder} resume=auto continues")
        return further

    def _spent(self, trainer: pl.Trainer, module: pl.LightningModule, how: str) -> list[str]:
        total = trainer.max_steps if trainer.max_steps > 0 else None
        seconds, tokens = self._seconds, self._seen.tokens
        seen = f"{self._seen.images:,} images" + (f", {tokens:,} tokens" if tokens else "")
        speed = f"{number(self._seen.images / max(seconds, 1e-9))} images/s"
        where = "of the GPU" if module.device.type == "cuda" else "of the process"
        return _aligned(
            [
                ("run", how),
                ("steps", f"{trainer.global_step:,}" + (f" of {total:,}" if total else "")),
                ("time", f"{clock(seconds)} ({speed} with validation and checkpoints)"),
                ("seen", seen),
                *_frozen(getattr(module, "net", None)),
                ("peak memory", f"{self._peak / GIB:.2f} GiB {where}, first rank of {trainer.world_size}"),
            ]
        )

    def _places(self, trainer: pl.Trainer, how: str) -> list[str]:
        rows, weights = [("folder", str(self.folder))], self.folder / "weights.safetensors"
        if how == "finished" or weights.is_file():  # a finished run writes them after this summary
            rows.append(("weights", str(weights)))
        if (best := self.folder / "best.safetensors").is_file():
            rows.append(("best weights", str(best)))
        places = [getattr(c, "folder", None) or getattr(c, "dirpath", None) for c in trainer.checkpoint_callbacks]
        rows += [("checkpoints", str(place)) for place in places if place]  # may be written after the summary
        if any(isinstance(logger, pl.loggers.TensorBoardLogger) for logger in trainer.loggers):
            rows.append(("curves", f"tensorboard --logdir {self.folder}"))
        rows += [(name.replace("_", " "), str(self.folder / name)) for name in SHEETS if (self.folder / name).is_dir()]
        return _aligned(rows)


def _frozen(net: nn.Module | None) -> list[tuple[str, str]]:
    """A row for a network with frozen parameters."""
    counts = [(p.numel(), p.requires_grad) for p in net.parameters()] if net is not None else []
    frozen, total = sum(n for n, trained in counts if not trained), sum(n for n, _ in counts)
    return [("parameters", f"{total - frozen:,} trained, {frozen:,} frozen")] if frozen else []


def table(values: Mapping[str, Sequence[Sequence[float]]]) -> list[str]:
    """Lines of a table.

    Args:
        values: By name: last, smallest and largest, each a value and its step.
    """
    if not values:
        return ["nothing was measured"]
    rows: list[tuple[str, ...]] = [("", "last", "at step", "least", "at step", "greatest", "at step")]
    for name in sorted(values):
        last, least, greatest = (list(pair) for pair in values[name])
        shown = [last] if last == least == greatest else [last, least, greatest]  # measured once
        cells = [text for v, step in shown for text in (f"{v:.4g}", f"{int(step):,}")]
        rows.append((name, *cells, *["-"] * (6 - len(cells))))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.rjust(w) if n else cell.ljust(w) for n, (cell, w) in enumerate(zip(row, widths, strict=True)))
        for row in rows
    ]
    return [*lines, "train/: one step, read at each validation and at the end; val/: a whole validation"]


def _aligned(rows: Sequence[tuple[str, str]]) -> list[str]:
    width = max(len(name) for name, _ in rows)
    return [f"{name:<{width}}  {text}" for name, text in rows]


def _first(pair: Sequence[float]) -> float:
    return pair[0]
