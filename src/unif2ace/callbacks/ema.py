"""Exponential moving average of the weights, which improves samples and answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor

from unif2ace.errors import ConfigError
from unif2ace.nets.sharding import local

CURRENT, COUNT = "current_model_state", "averaging_state"
"""Entries of a checkpoint with averages in ``state_dict``: the current weights, and the number of averaged steps."""


class EMA(pl.Callback):
    r"""Exponential moving average of weights and buffers, used in validation, checkpoints and at the end.

    Formula, after n updates: :math:`\bar w \leftarrow d_n \bar w + (1 - d_n) w` with
    :math:`d_n = \min(d, (1 + n) / (10 + n))`, so that the random initial weights do not dominate a short run. Integers
    are copied. Under a strategy that shards weights, each process averages its shards. Averages of half-precision
    weights are kept and saved in float32, because rounding would lose their small updates.

    Args:
        decay: d, at least 0 and below 1.

    Raises:
        ConfigError: If the decay is out of range.
    """

    def __init__(self, decay: float = 0.998) -> None:
        if not 0 <= decay < 1:
            raise ConfigError(f"callbacks.ema.decay={decay}: it must be at least 0 and below 1")
        self.decay = decay
        self._averages: dict[str, Tensor] = {}
        self._exact: dict[str, Tensor] = {}  # float32 averages, while half-precision weights hold them
        self._updates = 0
        self._last_step = 0
        self._swapped = self._loaded = False

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Starts from the weights, unless a checkpoint was loaded; sharding strategies load it after this hook."""
        state = _state(pl_module)
        if not self._loaded:
            self._averages, self._updates, self._last_step = state, 0, trainer.global_step
        self._averages = {name: _wide(self._averages[name], value.device) for name, value in state.items()}
        self._exact = {}
        self._loaded = self._swapped = False

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Updates the averages after an optimiser step."""
        if trainer.global_step > self._last_step:
            self._last_step = trainer.global_step
            if not getattr(getattr(pl_module, "guard", None), "skipping", False):
                self._update(_state(pl_module))

    @torch.no_grad()
    def _update(self, state: Mapping[str, Tensor]) -> None:
        n = self._updates
        share = 1 - min(self.decay, (1 + n) / (10 + n)) if n else 1.0  # the first update copies
        pairs = [(local(average), local(state[name])) for name, average in self._averages.items()]
        for average, current in pairs:
            if average.is_floating_point() and share < 1:
                average.lerp_(current.to(average.dtype), share)
            else:
                average.copy_(current)
        self._updates += 1

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Replaces the weights by the averages."""
        self._swap(pl_module)

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Restores the weights."""
        self._swap(pl_module)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Leaves the averages in the module."""
        for name, value in _state(pl_module).items():
            local(value).copy_(local(self._averages[name]))

    @contextmanager
    def averages_in(self, module: pl.LightningModule) -> Iterator[None]:
        """Inside the context, the module has the averages, if there are any."""
        self._swap(module)
        try:
            yield
        finally:
            self._swap(module)

    @torch.no_grad()
    def _swap(self, module: pl.LightningModule) -> None:
        if not self._averages:  # a validation without training
            return
        self._swapped = not self._swapped
        for name, value in _state(module).items():
            held, kept = self._averages[name], value.clone()
            local(value).copy_(local(held))
            if held.dtype == kept.dtype and name not in self._exact:
                local(held).copy_(local(kept))
            elif self._swapped:
                self._exact[name], self._averages[name] = held, kept
            else:
                self._averages[name] = self._exact.pop(name)

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Stores the averages in ``state_dict``, where readers of weights expect them."""
        if self._averages:
            held = {name: value.detach().clone() for name, value in self._averages.items()}
            averaged, current = (checkpoint["state_dict"], held) if self._swapped else (held, checkpoint["state_dict"])
            averaged.update({name: value.detach().clone() for name, value in self._exact.items()})
            checkpoint["state_dict"], checkpoint[CURRENT] = averaged, current
            checkpoint[COUNT] = {"n_averaged": self._updates}

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Restores averages and weights; from a checkpoint without averages, averaging starts there."""
        self._averages = {name: _wide(value, value.device) for name, value in checkpoint["state_dict"].items()}
        self._last_step, self._loaded = int(checkpoint["global_step"]), True
        self._updates = 1  # the loaded weights count as the first update
        if CURRENT in checkpoint:
            pl_module.load_state_dict(checkpoint[CURRENT])
            self._updates = int(checkpoint[COUNT]["n_averaged"])


def _state(module: pl.LightningModule) -> dict[str, Tensor]:
    """Weights and saved buffers (...) by name; writing to them writes to the module."""
    return {name: value.detach() for name, value in module.state_dict(keep_vars=True).items()}


def _wide(value: Tensor, device: torch.device) -> Tensor:
    """A copy (...) on a device, in float32 if it is half precision."""
    narrow = value.is_floating_point() and value.dtype.itemsize < 4
    return value.detach().to(device=device, dtype=torch.float32 if narrow else value.dtype, copy=True)
