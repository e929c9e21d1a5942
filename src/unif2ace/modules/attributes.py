"""The attribute classifier: which of the 46 attributes a face shows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor, nn
from torchmetrics import MetricCollection
from torchmetrics.classification import MultilabelAccuracy, MultilabelAveragePrecision, MultilabelF1Score

from unif2ace.losses.base import losses_of
from unif2ace.types import Batch, StepOutput


class AttributesModule(pl.LightningModule):
    """Trains a network to predict attributes; validation logs macro F1, average precision and accuracy.

    Args:
        net: Makes the network: uint8 (B, 3, H, W) -> logits (B, num_labels). Called when training starts.
        optimizer: Makes the optimiser from parameters.
        scheduler: Makes the learning-rate schedule from the optimiser and ``total_steps``; stepped every step. None for
            a constant rate.
        num_labels: Labels of the taxonomy.
    """

    def __init__(
        self,
        net: Callable[[], nn.Module],
        optimizer: Callable[[Iterable[Tensor]], torch.optim.Optimizer],
        scheduler: Callable[..., Any] | None = None,
        num_labels: int = 46,
    ) -> None:
        super().__init__()
        self._make_net, self._make_optimizer, self._make_scheduler = net, optimizer, scheduler
        self.net: nn.Module | None = None
        self.metrics = MetricCollection(
            {
                "f1": MultilabelF1Score(num_labels, average="macro", ignore_index=-1),
                "average_precision": MultilabelAveragePrecision(num_labels, average="macro", ignore_index=-1),
                "accuracy": MultilabelAccuracy(num_labels, average="macro", ignore_index=-1),
            },
            prefix="val/",
        )

    def configure_model(self) -> None:
        """Makes the network once, inside the strategy's context."""
        if self.net is None:
            self.net = self._make_net()

    def step_output(self, batch: Batch) -> StepOutput:
        """The forward pass that losses and metrics read."""
        assert self.net is not None
        return StepOutput(batch, attribute_logits=self.net(batch.image))

    def objective(self, step: StepOutput, stage: str) -> Tensor:
        """The weighted sum of the Trainer's losses, which are logged one by one; nats per known label."""
        total = torch.zeros((), device=self.device)
        rows = len(step.batch)
        for loss in losses_of(self.trainer):
            term = loss.compute(step)
            total = total + loss.weight * term.mean
            self.log(
                f"{stage}/{loss.name}",
                term.mean.detach(),
                batch_size=rows,
                on_epoch=stage == "val",
                sync_dist=stage == "val",
            )
        self.log(
            f"{stage}/loss",
            total.detach(),
            batch_size=rows,
            prog_bar=True,
            on_epoch=stage == "val",
            sync_dist=stage == "val",
        )
        return total

    def on_fit_start(self) -> None:
        """Fails before the first step if there is no loss."""
        losses_of(self.trainer)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """One step of training."""
        return self.objective(self.step_output(batch), "train")

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Losses and metrics of one validation batch."""
        step = self.step_output(batch)
        self.objective(step, "val")
        assert step.attribute_logits is not None
        assert batch.attributes is not None
        labels = batch.attributes.masked_fill(~batch.valid[:, None], -1).long()
        self.metrics.update(step.attribute_logits.float().sigmoid(), labels)

    def on_validation_epoch_end(self) -> None:
        """Logs the metrics of the whole split."""
        self.log_dict(self.metrics.compute(), prog_bar=True, sync_dist=True)  # equal on all ranks: compute() has synced
        self.metrics.reset()

    def configure_optimizers(self) -> Any:
        """Optimiser and, if any, a schedule over all steps."""
        optimizer = self._make_optimizer(self.parameters())
        if self._make_scheduler is None:
            return optimizer
        schedule = self._make_scheduler(optimizer, total_steps=int(self.trainer.estimated_stepping_batches))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
