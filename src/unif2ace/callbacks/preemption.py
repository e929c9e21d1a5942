"""Saves and ends a preempted run at the end of its step."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import lightning.pytorch as pl
import torch

from unif2ace.errors import ConfigError

log = logging.getLogger(__name__)

STATUS = 128 + signal.SIGTERM
"""Exit status of a preempted run: not 0, so that schedulers and torchrun restart it."""


@runtime_checkable
class Saver(Protocol):
    """Interface of the checkpoint callback."""

    def save(self, trainer: pl.Trainer) -> Path:
        """Writes a checkpoint at a step boundary; all ranks call it."""


class Preemption(pl.Callback):
    """Saves and ends the run when a signal reaches any of its processes.

    The handler only records the signal: communication inside a handler could deadlock with the gradient all-reduce.
    After an optimiser step the ranks all-reduce one value to agree whether one of them was preempted. Then all save one
    checkpoint and exit with status 143. Further signals in the meantime have no effect. A signal during a validation
    takes effect after the next step; in the very last step, the run finishes. Before and after training, signals have
    their usual handlers.

    `torchrun` restarts a run that exits in this way, and ``resume=auto`` finds the checkpoint. Slurm sends SIGTERM when
    time is up, or an early signal to all tasks with ``--signal=USR1@120``.

    Args:
        signals: Names of the signals that mean preemption.
        every: Steps between two all-reduces of the signal. Each all-reduce waits for the device.
        requeue: Whether a Slurm job requeues itself.

    Raises:
        ConfigError: If a signal does not exist, or `every` is less than 1.
    """

    def __init__(
        self, signals: Sequence[str] = ("SIGTERM", "SIGUSR1", "SIGUSR2"), every: int = 1, requeue: bool = False
    ) -> None:
        for name in signals:
            if not hasattr(signal, name):
                raise ConfigError(
                    f"run_callbacks.preemption.signals: there is no signal {name!r}; give names such as SIGTERM"
                )
        if every < 1:
            raise ConfigError(f"run_callbacks.preemption.every={every}: it must be at least 1")
        self.signals = [signal.Signals[name] for name in signals]
        self.every, self.requeue = every, requeue
        self._received: int | None = None
        self._before: dict[signal.Signals, Any] = {}
        self._step = 0

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Replaces Lightning's signal handlers; ours are set and removed at the same points as Lightning's."""
        if stage != "fit":
            return
        # after all callbacks that change what is saved, such as averages of the weights
        trainer.callbacks = [c for c in trainer.callbacks if c is not self] + [self]  # type: ignore[attr-defined]
        connector = trainer._signal_connector
        connector.register_signal_handlers = self._take  # type: ignore[method-assign]
        connector.teardown = partial(self._give_back, connector)  # type: ignore[method-assign]

    def _take(self) -> None:
        self._received = None
        if threading.current_thread() is threading.main_thread():  # other threads cannot set handlers
            self._before = {number: signal.signal(number, self._note) for number in self.signals}

    def _note(self, number: int, frame: Any) -> None:
        self._received = number

    def _give_back(self, connector: Any) -> None:
        vars(connector).pop("register_signal_handlers", None)
        vars(connector).pop("teardown", None)
        while self._before:
            signal.signal(*self._before.popitem())

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stores the first step."""
        self._step = trainer.global_step

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Exits if any rank was preempted; not within an accumulation, nor at the last step."""
        if trainer.global_step in (self._step, trainer.max_steps):
            return
        self._step = trainer.global_step
        if self._step % self.every == 0 and self._told(trainer):
            self._leave(trainer)

    def _told(self, trainer: pl.Trainer) -> bool:
        if trainer.world_size == 1:
            return self._received is not None
        flag = torch.tensor(float(self._received is not None), device=trainer.strategy.root_device)
        return bool(trainer.strategy.reduce(flag, reduce_op="max"))

    def _leave(self, trainer: pl.Trainer) -> None:
        if self._received is not None:
            log.warning("%s: saving step %d", signal.Signals(self._received).name, self._step)
        path = self._save(trainer)
        _spare_the_first(trainer.strategy.launcher)
        trainer.strategy.barrier("preemption")
        if trainer.is_global_zero:
            log.warning("preempted: the run stopped at step %d and saved the checkpoint %s", self._step, path)
            if self.requeue:
                requeue()
        raise SystemExit(STATUS)

    def _save(self, trainer: pl.Trainer) -> Path:
        for callback in trainer.checkpoint_callbacks:
            if isinstance(callback, Saver):
                return callback.save(trainer)
        path = Path(trainer.default_root_dir) / "checkpoints" / f"step-{self._step:08d}.ckpt"
        trainer.save_checkpoint(path, weights_only=False)
        return path


def _spare_the_first(launcher: Any) -> None:
    """Clears the processes that Lightning's observer watches: it kills its own process when one of them exits."""
    watched = getattr(launcher, "procs", [])
    if watched:
        launcher.procs = list(watched)
        watched.clear()


def requeue() -> None:
    """Requeues this Slurm job, or only this task of a job array; does nothing outside Slurm."""
    job, task = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    job = f"{job}_{task}" if job and task else os.environ.get("SLURM_JOB_ID")
    if not job:
        return
    try:
        subprocess.run(["scontrol", "requeue", job], check=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        log.warning("the job was not put back into the queue: %s", error)
