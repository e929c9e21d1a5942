"""Random state of dropout and of packages with their own generators, which continues after resuming."""

from __future__ import annotations

import logging
import random
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
import torch.distributed as dist

log = logging.getLogger(__name__)

KEY = "random_state"


class RandomState(pl.Callback):
    """Gives the training steps of each rank their own random stream, kept between batches and in checkpoints.

    The state (PyTorch, its current GPU, NumPy, Python) is captured after each batch and restored before the next.
    Random numbers used in between, by validations, new loaders or sample sheets, therefore do not affect training. A
    resumed run uses the same random numbers as an uninterrupted one. If the number of processes changes, ranks without
    their own state use another rank's.
    """

    def __init__(self) -> None:
        self._state: dict[str, Any] | None = None

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Restores the stream."""
        if self._state is not None:
            restore(self._state)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Captures the stream."""
        self._state = capture()

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Stores all ranks' states in the checkpoint; all ranks take part."""
        own = self._state or capture()
        states: list[Any] = [own] * trainer.world_size
        if trainer.world_size > 1:
            dist.all_gather_object(states, own)
        checkpoint[KEY] = states

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Reads this rank's state from the checkpoint."""
        states = checkpoint.get(KEY)
        if not states:
            return
        if len(states) != trainer.world_size:
            log.info("the checkpoint is from %d processes: dropout differs on %d", len(states), trainer.world_size)
        self._state = states[trainer.global_rank % len(states)]


def capture() -> dict[str, Any]:
    """The generators' states in containers that load without executing code."""
    legacy: Any = np.random.get_state(legacy=True)
    _, numbers, place, has_gauss, gauss = legacy
    version, internal, spare = random.getstate()
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state() if torch.cuda.is_available() else None,
        "numpy": [torch.from_numpy(numbers.astype(np.int64)), int(place), int(has_gauss), float(gauss)],
        "python": [version, torch.tensor(internal), spare],
    }


def restore(state: dict[str, Any]) -> None:
    """Sets the generators to the state of `capture`; a GPU's generator only if both have one."""
    torch.set_rng_state(state["torch"])
    if state["cuda"] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])
    numbers, place, has_gauss, gauss = state["numpy"]
    np.random.set_state(("MT19937", numbers.numpy().astype(np.uint32), place, has_gauss, gauss))
    version, internal, spare = state["python"]
    random.setstate((version, tuple(internal.tolist()), spare))
