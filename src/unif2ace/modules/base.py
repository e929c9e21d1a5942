"""What the LightningModules share: a network built late, losses that are callbacks, metrics by name, one optimiser."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor, nn

from unif2ace.losses.base import LossCallback, losses_of
from unif2ace.metrics.base import StepMetric
from unif2ace.types import Batch, LossTerm, StepOutput


class TrainingModule(pl.LightningModule, ABC):
    """Trains a network on the weighted sum of the Trainer's losses.

    Optimisation is automatic: accumulation, precision and resuming are Lightning's, and one optimiser holds every
    trained network, so `global_step` counts steps.

    Args:
        net: Makes the network. Called when training starts.
        optimizer: Makes the optimiser from parameter groups.
        scheduler: Makes the learning-rate schedule from the optimiser and ``total_steps``; stepped every step. None for
            a constant rate.
        metrics: What validation measures, by name.
        compile: Whether the network is compiled (`torch.compile`).
    """

    memory_format: torch.memory_format = torch.channels_last
    """Order of the weights that have four axes: convolutions like their channels last."""

    def __init__(
        self,
        net: Callable[[], nn.Module],
        optimizer: Callable[[Iterable[Any]], torch.optim.Optimizer],
        scheduler: Callable[..., Any] | None = None,
        metrics: Mapping[str, StepMetric] | None = None,
        compile: bool = False,
    ) -> None:
        super().__init__()
        self._make_net, self._make_optimizer, self._make_scheduler = net, optimizer, scheduler
        self._compile = compile
        self.net: nn.Module | None = None
        self.net_arguments: dict[str, Any] = {}  # of the network, beside its configuration: what the data determines
        self.metrics = nn.ModuleDict(metrics or {})

    def configure_model(self) -> None:
        """Makes the network once, inside the strategy's context."""
        if self.net is None:
            self.net = self._make_net().to(memory_format=self.memory_format)
            if self._compile:
                self.net.compile()

    @abstractmethod
    def step_output(self, batch: Batch) -> StepOutput:
        """The forward pass that losses, metrics and observers read."""

    def terms(self, step: StepOutput) -> list[tuple[LossCallback, LossTerm]]:
        """The Trainer's active losses with their terms."""
        return [(loss, loss.compute(step)) for loss in losses_of(self.trainer) if loss.active]

    def objective(self, step: StepOutput, stage: str) -> Tensor:
        """The weighted sum of the losses, float (), which are logged one by one with their parts."""
        total = torch.zeros((), device=self.device)
        values: dict[str, Tensor] = {}
        for loss, term in self.terms(step):
            mean = self._over_ranks(term).mean
            total = total + loss.weight * mean
            values[f"{stage}/{loss.name}"] = mean.detach()
            values |= {f"{stage}/{loss.name}/{part}": value.detach() for part, value in term.parts.items()}
        val = stage == "val"
        self.log_dict(values, batch_size=len(step.batch), on_epoch=val, sync_dist=val)
        self.log(
            f"{stage}/loss", total.detach(), batch_size=len(step.batch), prog_bar=True, on_epoch=val, sync_dist=val
        )
        return total

    def _over_ranks(self, term: LossTerm) -> LossTerm:
        """The term with counts averaged over the ranks: averaged gradients are then those of sum over sum."""
        if self.trainer.world_size == 1:
            return term
        counts = torch.stack([t.count.float() for t in (term, *term.also)])
        mean: Tensor = self.trainer.strategy.reduce(counts, reduce_op="mean")
        also = tuple(replace(t, count=c) for t, c in zip(term.also, mean[1:], strict=True))
        return replace(term, count=mean[0], also=also)

    def on_fit_start(self) -> None:
        """Fails before the first step if there is no loss."""
        losses_of(self.trainer)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """One step of training."""
        return self.objective(self.step_output(batch), "train")

    def validation_step(self, batch: Batch, batch_idx: int) -> dict[str, Any]:
        """Losses, if the Trainer has any, and metrics of one batch; observers find its `StepOutput` under ``step``."""
        return self.validate(self.step_output(batch))

    def validate(self, step: StepOutput) -> dict[str, Any]:
        """What `validation_step` does with a forward pass."""
        if any(isinstance(c, LossCallback) for c in self.trainer.callbacks):  # type: ignore[attr-defined]
            self.objective(step, "val")
        for metric in self._step_metrics():
            metric.update(step)
        return {"step": step}

    def on_validation_epoch_end(self) -> None:
        """Logs the metrics of the whole split."""
        for metric in self._step_metrics():
            values = metric.compute()  # equal on all ranks: it has gathered
            self.log_dict({f"val/{name}": value for name, value in values.items()}, prog_bar=True, sync_dist=True)
            metric.reset()

    def _step_metrics(self) -> list[StepMetric]:
        return [metric for metric in self.metrics.values() if isinstance(metric, StepMetric)]

    def optimizer_groups(self) -> list[dict[str, Any]]:
        """Parameter groups of all trained networks."""
        assert self.net is not None
        return parameter_groups(self.net)

    def configure_optimizers(self) -> Any:
        """One optimiser over everything trained; norms, biases and embeddings do not decay."""
        optimizer = self._make_optimizer(self.optimizer_groups())
        if not self._make_scheduler:  # scheduler=none is an empty mapping
            return optimizer
        schedule = self._make_scheduler(optimizer, total_steps=int(self.trainer.estimated_stepping_batches))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def parameter_groups(net: nn.Module) -> list[dict[str, Any]]:
    """Parameters by how an optimiser should treat them.

    A module may say so of its own weights by an attribute ``weight_kind``: ``stack`` for matrices that are stacked
    along leading axes, such as experts, ``table`` for rows that are looked up or scored, such as a router or a head.
    Tables, embeddings, vectors and scalars neither decay nor are they made orthogonal.
    """
    kinds: dict[int, str] = {}
    for module in net.modules():
        kind = getattr(module, "weight_kind", "table" if isinstance(module, nn.Embedding) else None)
        kinds |= {id(p): kind for p in module.parameters(recurse=False) if kind}
    groups: dict[str, list[nn.Parameter]] = {"matrix": [], "stack": [], "table": []}
    for parameter in net.parameters():
        if parameter.requires_grad:
            groups["table" if parameter.ndim <= 1 else kinds.get(id(parameter), "matrix")].append(parameter)
    settings: dict[str, dict[str, Any]] = {
        "matrix": {},
        "stack": {"stacked": True},
        "table": {"weight_decay": 0.0, "orthogonal": False},
    }
    return [{"params": params, **settings[kind]} for kind, params in groups.items() if params]
