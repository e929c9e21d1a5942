"""Training progress: a bar on a terminal, log lines elsewhere."""

from __future__ import annotations

import logging
import sys
import time
from collections import deque
from dataclasses import dataclass
from typing import Any

import lightning.pytorch as pl
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from unif2ace.callbacks.counting import GIB, Seen, memory_in_use
from unif2ace.losses.base import LossCallback

log = logging.getLogger(__name__)

_WINDOW = 20
"""Number of readings that a speed is averaged over."""


@dataclass(frozen=True, slots=True)
class ProgressReading:
    """One state of the display.

    Attributes:
        step: Steps done.
        total: Steps to do; infinite if unknown.
        speeds: Units per second, by unit; empty until two steps are done.
        terms: Losses of the last batch.
        memory: Memory in GiB.
        left: Remaining seconds; None if unknown.
    """

    step: int
    total: float
    speeds: dict[str, float]
    terms: dict[str, float]
    memory: float
    left: float | None

    def line(self) -> str:
        """The state as one line."""
        done = f" of {self.total:,.0f} ({self.step / self.total:.0%})" if self.total < float("inf") else ""
        parts = [f"step {self.step:,}{done}"]
        parts += [f"{number(speed)} {unit}/s" for unit, speed in self.speeds.items()]
        parts += [f"{name} {value:.4g}" for name, value in self.terms.items()]
        parts += [f"{self.memory:.1f} GiB", *([f"{clock(self.left)} left"] if self.left is not None else [])]
        return ", ".join(parts)

    def panel(self, note: str = "") -> Group:
        """The state as a bar above a table.

        Args:
            note: Activity other than training, such as validation.
        """
        bar = Table.grid(padding=(0, 1))
        if self.total < float("inf"):
            share = f"{self.step / self.total:.0%}"
            bar.add_row(
                Text(f"step {self.step:,} of {self.total:,.0f}", "bold"),
                ProgressBar(self.total, self.step, width=30),
                share,
                Text(f"{clock(self.left)} left" if self.left is not None else "", "cyan"),
                Text(note, "yellow"),
            )
        else:
            bar.add_row(Text(f"step {self.step:,}", "bold"), Text(note, "yellow"))
        table = Table.grid(padding=(0, 2, 0, 0))
        cells = {f"{unit}/s": number(speed) for unit, speed in self.speeds.items()}
        cells |= {"memory": f"{self.memory:.1f} GiB"} | {name: f"{value:.4g}" for name, value in self.terms.items()}
        for name in cells:
            table.add_column(justify="right", min_width=max(7, len(name)), no_wrap=True)
        table.add_row(*(Text(name, "dim") for name in cells))
        table.add_row(*cells.values())
        return Group(bar, table)


class TrainingProgress(pl.callbacks.ProgressBar):
    """Step, speed, losses, memory and time left: a bar on a terminal, a line in a log file or a pipe.

    Values are read from the device only when they are displayed, so that steps do not wait. Speeds exclude validation;
    the time left includes it.

    Args:
        seconds: Seconds between two lines.
        leave: Whether the bar remains on the terminal at the end.
        refresh: Seconds between two updates of the bar.
        terms: Maximum number of losses beside their sum.
    """

    def __init__(self, seconds: float = 30.0, leave: bool = True, refresh: float = 0.5, terms: int = 5) -> None:
        super().__init__()
        self.seconds, self.leave, self.refresh, self.terms = seconds, leave, refresh, terms
        self._console = Console(stderr=True)
        self._plain = not self._console.is_terminal and "ipykernel" not in sys.modules
        self._enabled = True
        self._live: Live | None = None
        self._streams: list[tuple[logging.StreamHandler[Any], Any]] = []
        self._begin()

    def _begin(self) -> None:
        self._seen = Seen()
        self._marks: deque[tuple[float, int, int, int]] = deque(maxlen=_WINDOW)  # seconds, steps, images, tokens
        self._first: tuple[float, int] | None = None
        self._validated, self._validation_began, self._note = 0.0, 0.0, ""
        self._shown_at, self._shown_step = time.monotonic(), -1
        self._last: ProgressReading | None = None

    def enable(self) -> None:
        """Shows the progress."""
        self._enabled = True

    def disable(self) -> None:
        """Hides the progress."""
        self._enabled = False

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Resets the counters and starts the bar."""
        self._begin()
        if self._enabled and not self._plain:
            self._live = Live(console=self._console, auto_refresh=False, transient=not self.leave)
            self._live.start()
            self._redirect_logs()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Counts a batch and updates the display if it is due."""
        self._seen.add(trainer, pl_module.net if hasattr(pl_module, "net") else None, batch)  # type: ignore[arg-type]
        if self._first is None:  # the first step may compile
            self._first = time.monotonic(), trainer.global_step
            self._mark(trainer)
        if self._enabled and time.monotonic() - self._shown_at >= (self.seconds if self._plain else self.refresh):
            self._show(trainer, pl_module)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stops the clock of the speeds."""
        self._validation_began = time.monotonic()

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Shows the progress of the validation."""
        now = time.monotonic()
        if self._live is not None and self._last is not None and now - self._shown_at >= self.refresh:
            self._shown_at = now
            self._note = f"validation {batch_idx + 1} of {sum(trainer.num_val_batches)}"
            self._live.update(self._last.panel(self._note), refresh=True)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Restarts the clock of the speeds."""
        self._validated += time.monotonic() - self._validation_began
        self._note = ""

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Shows the last step."""
        if self._enabled and self._first is not None and self._shown_step != trainer.global_step:
            self._show(trainer, pl_module)
        self._stop()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Releases the terminal."""
        self._stop()

    def _show(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._last = self._read(trainer, pl_module)
        self._shown_at, self._shown_step = time.monotonic(), trainer.global_step
        if self._live is not None:
            self._live.update(self._last.panel(self._note), refresh=True)
        else:
            log.info(self._last.line())

    def _read(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> ProgressReading:
        """Reads the values; waits for the device."""
        names = [c.name for c in trainer.callbacks if isinstance(c, LossCallback)]  # type: ignore[attr-defined]
        values = trainer.callback_metrics
        found = [name for name in ("loss", *names[: self.terms]) if f"train/{name}" in values]
        terms = {name: float(values[f"train/{name}"]) for name in found}
        self._mark(trainer)
        step, total = trainer.global_step, float(trainer.estimated_stepping_batches)
        assert self._first is not None
        spent, done = time.monotonic() - self._first[0], step - self._first[1]
        left = (total - step) * spent / done if done and total < float("inf") else None
        return ProgressReading(step, total, self._speeds(), terms, memory_in_use(pl_module.device) / GIB, left)

    def _mark(self, trainer: pl.Trainer) -> None:
        tokens = self._seen.tokens  # waits for the device, so the time is read after the work is done
        self._marks.append((time.monotonic() - self._validated, trainer.global_step, self._seen.images, tokens))

    def _speeds(self) -> dict[str, float]:
        differences = [b - a for a, b in zip(self._marks[0], self._marks[-1], strict=True)]
        if not differences[1]:
            return {}
        speeds = [difference / max(differences[0], 1e-9) for difference in differences[1:]]
        found = dict(zip(("steps", "images", "tokens"), speeds, strict=True))
        return found if found["tokens"] else {unit: found[unit] for unit in ("steps", "images")}

    def _redirect_logs(self) -> None:
        """Prints log lines above the bar instead of through it."""
        for handler in logging.getLogger().handlers:
            if isinstance(handler, logging.StreamHandler) and handler.stream in (sys.__stdout__, sys.__stderr__):
                self._streams.append((handler, handler.setStream(sys.stderr)))

    def _stop(self) -> None:
        for handler, stream in self._streams:
            handler.setStream(stream)
        self._streams = []
        if self._live is not None:
            self._live.stop()
            self._live = None


def number(value: float) -> str:
    """A speed with about three digits: ``0.052``, ``4.18``, ``1,240``."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def clock(seconds: float) -> str:
    """A duration as ``0:05:30``, or ``3 d 04:05:30``."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    return f"{days} d {hour:02}:{minute:02}:{second:02}" if days else f"{hour}:{minute:02}:{second:02}"
