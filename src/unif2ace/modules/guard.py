"""Skips optimiser steps whose loss or gradient is not finite, on all ranks together."""

from __future__ import annotations

import logging
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor

from unif2ace.errors import Unif2aceError
from unif2ace.nets.sharding import local

log = logging.getLogger(__name__)


class NotFiniteError(Unif2aceError, ArithmeticError):
    """Too many consecutive steps were skipped."""


class StepGuard:
    """Decides before each optimiser step whether to skip it.

    If a loss of any micro-batch, or a gradient, is Inf or NaN on any rank, all ranks drop their gradients. Without a
    gradient, an optimiser changes neither a parameter nor its moments; with a gradient of 0 it would decay both. A
    skipped step still counts: data, noise and learning rate advance as usual. Under float16 the gradient scaler handles
    overflowing gradients.

    Args:
        max_nonfinite_steps: Stop after this many consecutive steps skipped for NaN or Inf; at least 1.

    Attributes:
        skipped: Steps skipped so far in this process.
        skipping: Whether the last step was skipped; weight averages then skip this step too.
    """

    def __init__(self, max_nonfinite_steps: int = 10) -> None:
        self.max_nonfinite_steps = max_nonfinite_steps
        self.skipped = 0
        self.skipping = False
        self._window: list[tuple[int, Tensor]] = []  # batches of the next step, with their losses
        self._row: list[str] = []  # descriptions of the consecutive skipped steps

    def see(self, loss: Tensor, batch_idx: int) -> None:
        """Stores the loss of a micro-batch, float (), without synchronising the device."""
        self._window.append((batch_idx, loss.detach()))

    def check(self, module: pl.LightningModule, optimizer: torch.optim.Optimizer) -> None:
        """Keeps the gradients if they and the losses are finite on all ranks; otherwise drops them on all ranks.

        Args:
            module: Module that is trained; if the step is skipped, the module logs ``train/skipped_steps``.
            optimizer: Optimiser that is about to step.

        Raises:
            NotFiniteError: If `max_nonfinite_steps` consecutive steps were skipped.
        """
        trainer, window = module.trainer, self._window
        self._window = []
        losses = torch.stack([loss.float() for _, loss in window]) if window else torch.zeros(1, device=module.device)
        parameters = [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        total = losses.abs().sum()
        if getattr(trainer.precision_plugin, "scaler", None) is None:
            total = total + _size([p.grad for p in parameters])
        bad = trainer.strategy.reduce((~total.isfinite()).float(), reduce_op="max")
        self.skipping = bool(bad)
        if not self.skipping:
            self._row.clear()
            return
        for parameter in parameters:
            parameter.grad = None
        self._tell(module, [index for index, _ in window], losses)

    def _tell(self, module: pl.LightningModule, batches: list[int], losses: Tensor) -> None:
        self.skipped += 1
        gathered: Any = module.all_gather(losses)  # every rank skips the step
        by_rank = [[f"{loss:.4g}" for loss in part] for part in gathered.view(-1, len(losses)).tolist()]
        self._row.append(f"step {module.trainer.global_step}, batch {_listed(batches)}: loss {_listed(by_rank)}")
        module.log("train/skipped_steps", float(self.skipped))
        if module.trainer.is_global_zero:
            log.warning("skipped a step whose loss or gradient is not finite: %s", self._row[-1])
        if len(self._row) >= self.max_nonfinite_steps:
            told = "\n  ".join(self._row)
            raise NotFiniteError(
                f"{len(self._row)} consecutive steps had a loss or gradient that is not finite:\n  {told}\n"
                "lower optimizer.lr, or look at these batches; the weights of the newest checkpoint are finite"
            )


def _size(gradients: list[Tensor]) -> Tensor:
    """A value, float (), that is finite if and only if all entries of this rank's gradients are."""
    norms = torch._foreach_norm([local(gradient) for gradient in gradients]) if gradients else ()
    return torch.stack([norm.float() for norm in norms]).sum() if norms else torch.zeros(())


def _listed(values: list[Any]) -> str:
    return "/".join("+".join(v) if isinstance(v, list) else str(v) for v in values)
