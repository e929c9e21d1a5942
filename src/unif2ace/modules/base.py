"""Base class of the LightningModules, with losses as Trainer callbacks, metrics by name and one optimiser."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.fabric.utilities.seed import reset_seed
from torch import Tensor, nn

from unif2ace.errors import ConfigError
from unif2ace.losses.base import LossCallback, losses_of
from unif2ace.losses.observer import show
from unif2ace.metrics.base import StepMetric, check_metrics
from unif2ace.modules.guard import StepGuard
from unif2ace.modules.optimizer_options import options_of, restore_options
from unif2ace.nets.gradients import clip_gradients_
from unif2ace.nets.sharding import Sharding
from unif2ace.optimizers.named_groups import NamedGroups
from unif2ace.types import Batch, LossTerm, StepOutput

MOST_TERMS = 4
"""Maximum number of terms in one loss, see `LossTerm.also`."""


class TrainingModule(pl.LightningModule, ABC):
    """Trains a network on the weighted sum of the Trainer's losses.

    Optimisation is automatic: Lightning does accumulation, precision and resuming. One optimiser trains all networks,
    so `global_step` counts optimiser steps.

    Args:
        net: Makes the network; called when training starts.
        optimizer: Makes the optimiser from parameter groups.
        lr_scheduler: Makes the learning-rate schedule from the optimiser and ``total_steps``; stepped every step. None
            for a constant rate.
        metrics: Validation metrics by name.
        max_nonfinite_steps: Stop after this many consecutive steps skipped for NaN or Inf.
        compile: Whether to compile the network with `torch.compile`.
        parameter_groups: Optimiser options for parts of the networks, by name, see `NamedGroups`.
    """

    kind: str
    """Kind of the trained network; names its weights file in a release and the component that loads this file."""
    memory_format: torch.memory_format = torch.channels_last
    """Memory format of 4D weights: convolutions are faster with channels last."""

    def __init__(
        self,
        net: Callable[[], nn.Module],
        optimizer: Callable[[Iterable[Any]], torch.optim.Optimizer],
        lr_scheduler: Callable[..., Any] | None = None,
        metrics: Mapping[str, StepMetric] | None = None,
        max_nonfinite_steps: int = 10,
        compile: bool = False,
        parameter_groups: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        super().__init__()
        self._make_net, self._make_optimizer, self._make_scheduler = net, optimizer, lr_scheduler
        self._compile, self._groups = compile, NamedGroups(parameter_groups)
        self.net: nn.Module | None = None
        self.net_arguments: dict[str, Any] = {}  # network arguments that the data determines
        self._provided: Collection[str] | None = ()
        check_metrics(metrics or {}, [kind for base in type(self).__mro__ if (kind := vars(base).get("kind"))])
        self.metrics = nn.ModuleDict(metrics or {})
        self.guard = StepGuard(max_nonfinite_steps)
        self._options: list[dict[str, Any]] = []  # options of the optimiser's groups, as configured
        self._validated: dict[str, Tensor] = {}  # sums and counts of each loss since validation began
        self._validated_parts: dict[str, Tensor] = {}  # the same for parts of losses

    @property
    def sharding(self) -> Sharding | None:
        """How the strategy shards networks; None if each process holds the whole network."""
        return getattr(getattr(self._trainer, "strategy", None), "sharding", None)

    def expect_weights(self, names: Collection[str] | None) -> None:
        """Declares which tensors trained weights will replace, so that their costly initialisation can be skipped.

        Args:
            names: Names of the network's tensors; None for all of them.
        """
        self._provided = names

    def provides(self, name: str) -> bool:
        """Whether a tensor of the network will be loaded from trained weights."""
        return self._provided is None or name in self._provided

    def configure_model(self) -> None:
        """Makes the network once, inside the strategy's context, and shards it if the strategy shards networks.

        Every process draws the same initial values as a single process would.
        """
        if self.net is None:
            reset_seed()  # to the seed of `seed_everything`, if it was called: strategies may have used the generator
            self.net = self._make_net()
            if self.sharding is None:
                self.net.to(memory_format=self.memory_format)
            if self._compile:
                self.net.compile()
        if self.sharding is not None:
            self.sharding.root(self.net)
        self._groups.freeze_(self.trained_networks())

    def trained_networks(self) -> dict[str, nn.Module]:
        """The networks that the optimiser trains, by their names in the module."""
        assert self.net is not None
        return {"net": self.net}

    @abstractmethod
    def step_output(self, batch: Batch) -> StepOutput:
        """The forward pass that losses, metrics and observers read."""

    def terms(self, step: StepOutput) -> list[tuple[LossCallback, LossTerm]]:
        """The Trainer's active losses with their terms."""
        losses = [loss for loss in losses_of(self.trainer) if loss.active]
        for loss in losses:
            if loss.needs and getattr(step, loss.needs) is None:
                raise ConfigError(
                    f"loss {loss.name!r} reads {loss.needs!r}, which {type(self).__name__} does not compute: remove "
                    f"{loss.name} from loss=[{','.join(other.name for other in losses)}], or select another module"
                )
        return [(loss, loss.compute(step)) for loss in losses]

    def objective(self, step: StepOutput, stage: str) -> Tensor:
        """The weighted sum of the losses, float (); each loss is logged with its parts."""
        total = torch.zeros((), device=self.device)
        values: dict[str, Tensor] = {}
        terms = self.terms(step)
        over_ranks = self._over_ranks([term for _, term in terms])
        for (loss, term), mean in zip(terms, (term.mean for term in over_ranks), strict=True):
            if stage == "val":
                self._add_up(loss.name, term, step.batch.valid.sum())
            total = total + loss.weight * mean
            values[f"{stage}/{loss.name}"] = mean.detach()
            values |= {f"{stage}/{loss.name}/{part}": value.detach() for part, value in term.parts.items()}
        if stage == "train":
            self.log_dict({**values, f"{stage}/loss": total.detach()}, batch_size=len(step.batch))
        return total

    def _add_up(self, name: str, term: LossTerm, samples: Tensor) -> None:
        """Adds up sums and counts over the validation, because batches differ in tasks and sizes."""
        sums = torch.stack([torch.stack([t.total.detach(), t.count]).double() for t in (term, *term.also)])
        before = self._validated.get(name, sums.new_zeros(MOST_TERMS, 2))
        self._validated[name] = before + nn.functional.pad(sums, (0, 0, 0, MOST_TERMS - len(sums)))
        for part, value in term.parts.items():
            count = term.part_counts.get(part, samples).double()
            added = torch.stack([torch.where(count > 0, value.detach().double() * count, 0), count])
            self._validated_parts[f"{name}/{part}"] = self._validated_parts.get(f"{name}/{part}", 0) + added

    def _over_ranks(self, terms: Sequence[LossTerm]) -> Sequence[LossTerm]:
        """Averages counts over ranks, so that averaged gradients are those of (sum of totals) / (sum of counts)."""
        if self.trainer.world_size == 1 or not terms:
            return terms
        # all in one collective, because each one synchronises the ranks
        counts = torch.stack([t.count.float() for term in terms for t in (term, *term.also)])
        means = iter(self.trainer.strategy.reduce(counts, reduce_op="mean"))
        return [
            replace(term, count=next(means), also=tuple(replace(t, count=next(means)) for t in term.also))
            for term in terms
        ]

    def on_fit_start(self) -> None:
        """Raises an error before the first step if no loss is selected."""
        losses_of(self.trainer)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """One training step on images uint8 (B, 3, H, W) or image ids (B, N); returns the objective, float ()."""
        step = self.step_output(batch)
        show(self.trainer, step)
        loss = self.objective(step, "train")
        self.guard.see(loss, batch_idx)
        return loss

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Skips the step, on all ranks, if a loss or a gradient is not finite."""
        self.guard.check(self, optimizer)

    def validation_step(self, batch: Batch, batch_idx: int) -> dict[str, Any]:
        """Losses (if any) and metrics of one batch; the result holds the `StepOutput` under ``step`` for observers."""
        return self.validate(self.step_output(batch))

    def validate(self, step: StepOutput) -> dict[str, Any]:
        """Computes losses and metrics of a forward pass."""
        if any(isinstance(c, LossCallback) for c in self.trainer.callbacks):  # type: ignore[attr-defined]
            self.objective(step, "val")
        for metric in self._step_metrics():
            metric.update(step)
        return {"step": step}

    def on_validation_epoch_end(self) -> None:
        """Logs the losses and the metrics of the whole split."""
        total = 0.0
        for loss in (c for c in self.trainer.callbacks if isinstance(c, LossCallback)):  # type: ignore[attr-defined]
            if loss.active and loss.name in self._validated:
                sums = self.trainer.strategy.reduce(self._validated[loss.name].float(), reduce_op="sum")
                mean = float((sums[:, 0] / sums[:, 1].clamp(min=1e-12)).sum())
                self.log(f"val/{loss.name}", mean)
                total += loss.weight * mean
        if self._validated:
            self.log("val/loss", total, prog_bar=True)
        self._log_validated_parts()
        self._validated = {}
        for metric in self._step_metrics():
            values = metric.compute()  # equal on all ranks, because metrics gather
            self.log_dict({f"val/{name}": value.to(self.device) for name, value in values.items()}, prog_bar=True)
            metric.reset()

    def _log_validated_parts(self) -> None:
        """Logs the mean of each part of a loss over the split; a part with a count of 0 is left out."""
        if not self._validated_parts:
            return
        names, sums = zip(*sorted(self._validated_parts.items()), strict=True)
        reduced = self.trainer.strategy.reduce(torch.stack(sums).float(), reduce_op="sum")
        pairs = zip(names, reduced.tolist(), strict=True)
        self.log_dict({f"val/{name}": total / count for name, (total, count) in pairs if count > 0})
        self._validated_parts = {}

    def _step_metrics(self) -> list[StepMetric]:
        return [metric for metric in self.metrics.values() if isinstance(metric, StepMetric)]

    def optimizer_groups(self) -> list[dict[str, Any]]:
        """Parameter groups of all trained networks."""
        return self._groups.of(self.trained_networks())

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clips the global gradient norm under any strategy; Lightning clips with other algorithms."""
        if gradient_clip_val and gradient_clip_algorithm in (None, "norm"):
            clip_gradients_((p for group in optimizer.param_groups for p in group["params"]), gradient_clip_val)
        else:
            self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)

    def configure_optimizers(self) -> Any:
        """One optimiser over all trained parameters; norms, biases and embeddings have no weight decay."""
        optimizer = self._make_optimizer(self.optimizer_groups())
        self._groups.set_rates(optimizer)
        if not self._make_scheduler:  # lr_scheduler=none is an empty mapping
            self._options = options_of(optimizer)
            return optimizer
        steps = {"total_steps": int(self.trainer.estimated_stepping_batches)}
        schedule = self._groups.scheduled(optimizer, partial(self._make_scheduler, **steps))
        self._options = options_of(optimizer)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_train_start(self) -> None:
        """Restores the configured optimiser options, because a resumed checkpoint has overwritten them."""
        optimizer = self.optimizers(use_pl_optimizer=False)
        if isinstance(optimizer, torch.optim.Optimizer):  # DeepSpeed wraps its optimiser and does not resume
            restore_options(optimizer, self._options, [c.scheduler for c in self.trainer.lr_scheduler_configs])
            self._groups.hold(optimizer)

    def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:
        """Steps the schedule; parameter groups with a constant learning rate keep it."""
        super().lr_scheduler_step(scheduler, metric)
        self._groups.hold(scheduler.optimizer)
