"""Calibrates a classifier's probabilities. Shapes: B samples, A attributes, N samples of all ranks."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor

from unif2ace.errors import ConfigError
from unif2ace.metrics.calibration import fit_platt
from unif2ace.nets.attributes import AttributesNet
from unif2ace.types import Batch


class Calibrate(pl.Callback):
    """Fits scale and shift of each attribute's logits on the first share of the validation split, at every validation.

    Scale and shift are buffers of the network, so weights and checkpoints contain them. Measure on the other samples of
    the split (``metric.attributes.skip``).

    Args:
        share: Fraction of the split's samples to fit on, in (0, 1].

    Raises:
        ConfigError: If the share is out of range.
    """

    def __init__(self, share: float = 0.5) -> None:
        if not 0 < share <= 1:
            raise ConfigError(f"callbacks.calibrate.share={share}: it must be above 0 and at most 1")
        self.share = share
        self._seen: list[tuple[Tensor, Tensor, Tensor]] = []

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Clears the logits of the previous validation."""
        self._seen = []

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Stores logits, labels and indices of the valid samples."""
        step = outputs["step"]
        if step.attribute_logits is not None and batch.attributes is not None:
            valid, logits_BA = batch.valid, step.attribute_logits.detach().float()
            kept = (logits_BA[valid], batch.attributes[valid, : logits_BA.shape[1]], batch.index[valid])
            self._seen.append(kept)

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Fits scale and shift on the samples of all ranks, and sets the network's buffers on every rank."""
        net: Any = pl_module.net
        if not isinstance(net, AttributesNet) or not self._seen or trainer.sanity_checking:
            return
        gathered = [_gathered(trainer, torch.cat(parts)) for parts in zip(*self._seen, strict=True)]
        order = gathered[2].argsort()
        first = order[: max(1, round(self.share * len(order)))]
        logits_NA, labels_NA = gathered[0][first].cpu(), gathered[1][first].cpu()
        raw_NA = (logits_NA - net.shift.cpu()) / net.scale.cpu()  # undo the calibration of the previous validation
        for place in range(raw_NA.shape[1]):
            known = labels_NA[:, place] >= 0
            net.scale[place], net.shift[place] = fit_platt(raw_NA[known, place], labels_NA[known, place])


def _gathered(trainer: pl.Trainer, rows: Tensor) -> Tensor:
    """Tensors (B, ...) of all ranks, concatenated to (N, ...); B may differ between ranks."""
    if trainer.world_size == 1:
        return rows
    counts: Any = trainer.strategy.all_gather(torch.tensor(len(rows), device=rows.device))
    padded = rows.new_zeros(int(counts.max()), *rows.shape[1:])
    padded[: len(rows)] = rows
    everywhere: Any = trainer.strategy.all_gather(padded)
    return torch.cat([part[: int(count)] for part, count in zip(everywhere, counts, strict=True)])
