"""Adversarial loss of generator and discriminator. Shapes: B samples, P x P patches."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import lightning.pytorch as pl
import torch
from torch import Tensor
from torch.nn.functional import relu, softplus

from unif2ace.errors import ConfigError, nearest
from unif2ace.losses.base import LossCallback, Part, over_rows
from unif2ace.types import Discrimination, LogitsSpec, LossTerm, StepOutput

KINDS = ("hinge", "non_saturating")
DECAY = 0.99
"""Decay of LeCam's moving averages, per training batch."""


class AdversarialLoss(LossCallback):
    r"""Generator and discriminator terms in one loss; each trains only its own network.

    The loss is generator term + discriminator term + penalties, each a mean over patches. Logits (B, 1, P, P) are r of
    real images, f of detached reconstructions and g of reconstructions with gradient. Only the generator term is
    multiplied by `generator_weight` and, if `adaptive`, by :math:`\lambda` of arXiv 2012.09841, eq. 7.

    - hinge (arXiv 1705.02894): :math:`-g` and :math:`\frac12 (\max(0, 1 - r) + \max(0, 1 + f))`;
    - non_saturating (arXiv 1406.2661): :math:`\ln(1 + e^{-g})` and
      :math:`\frac12 (\ln(1 + e^{-r}) + \ln(1 + e^{f}))`;
    - R1 (arXiv 1801.04406): :math:`\frac\gamma2 \lVert \nabla_x D(x) \rVert^2` at real images x, where D is the mean
      logit; in training only;
    - LeCam (arXiv 2104.03310): :math:`\max(0, r - \alpha_f)^2 + \max(0, \alpha_r - f)^2`, where :math:`\alpha_r` and
    :math:`\alpha_f` are moving averages of the mean of r and of f over all ranks. The penalty starts with the second
    batch. The rectifier max(0, .) follows the authors' code.

    Args:
        weight: Factor of the whole loss; with 0 the discriminator does not learn.
        start: First optimiser step at which the loss is active. The discriminator is not trained before this step.
        ramp: Number of steps after `start` in which the generator term's factor rises linearly from 0. Meanwhile the
            discriminator learns, so the generator never receives gradients of a random discriminator.
        gan_loss: ``hinge`` or ``non_saturating``.
        generator_weight: Factor of the generator term only.
        adaptive: Whether to multiply the generator term by lambda, which balances its gradient at the decoder's last
            layer with that of the other losses.
        r1: Factor :math:`\gamma` of the R1 penalty; 0 for none.
        r1_every: Number of steps from one R1 penalty to the next; the penalty is multiplied by this number (lazy
            regularisation, arXiv 1912.04958). The penalty's second-order gradient is the costliest part of a step.
        lecam: Factor of the LeCam penalty; 0 for none.

    Raises:
        ConfigError: If `gan_loss` is unknown or a factor or `start` is negative.
    """

    name = "adversarial"
    needs = "reconstruction"

    def __init__(
        self,
        weight: float = 1.0,
        start: int = 0,
        gan_loss: Literal["hinge", "non_saturating"] = "hinge",
        generator_weight: float = 1.0,
        adaptive: bool = True,
        r1: float = 0.0,
        lecam: float = 0.0,
        ramp: int = 0,
        r1_every: int = 1,
    ) -> None:
        super().__init__(weight)
        if gan_loss not in KINDS:
            raise ConfigError(
                f"loss.adversarial.gan_loss={gan_loss!r}: it must be {' or '.join(KINDS)}{nearest(gan_loss, KINDS)}"
            )
        numbers = {"start": start, "ramp": ramp, "generator_weight": generator_weight, "r1": r1, "lecam": lecam}
        for key, value in numbers.items():
            if value < 0:
                raise ConfigError(f"loss.adversarial.{key}={value}: it must be 0 or more")
        if r1_every < 1:
            raise ConfigError(
                f"loss.adversarial.r1_every={r1_every}: it must be 1 or more; loss.adversarial.r1=0 disables it"
            )
        self.start, self.ramp, self.gan_loss, self.generator_weight = start, ramp, gan_loss, generator_weight
        self.adaptive, self.r1, self.r1_every, self.lecam = adaptive, r1, r1_every, lecam
        self._step = 0
        self._anchors: Tensor | None = None  # float32 (2,): moving averages of real and fake logits
        self._seen: Tensor | None = None  # float32 (2,): the last batch's

    @property
    def reads(self) -> frozenset[Part | LogitsSpec]:  # type: ignore[override]
        """The discriminator's logits, and in steps with an R1 penalty the gradient with respect to the image."""
        reads: set[Part | LogitsSpec] = {"discriminator"}
        if self.adaptive:
            reads.add("adaptive_weight")
        if self.r1 and self._step % self.r1_every == 0:
            reads.add("image_gradient")
        return frozenset(reads)

    @property
    def active(self) -> bool:
        """Whether training has reached `start`."""
        return self._step >= self.start

    @property
    def current_generator_weight(self) -> float:
        """Factor of the generator term in this step; rises from 0 to `generator_weight` within `ramp` steps."""
        return self.generator_weight * min(1.0, (self._step - self.start) / self.ramp if self.ramp else 1.0)

    def compute(self, step: StepOutput) -> LossTerm:
        """The sum over samples; `parts` holds the mean of each part over valid samples. See `LossCallback.compute`."""
        assert step.discrimination is not None
        d = _widened(step.discrimination)
        real_B, fake_B = _mean(d.real_logits), _mean(d.fake_logits)
        generator_B, discriminator_B = self._generator(d), self._discriminator(d)
        rows = {"generator": generator_B, "discriminator": discriminator_B, "real": real_B, "fake": fake_B}
        loss_B = self.current_generator_weight * d.adaptive_weight * generator_B + discriminator_B
        if self.r1 and d.real_image.requires_grad and torch.is_grad_enabled():
            rows["r1"] = _squared_gradient(d)
            loss_B = loss_B + self.r1_every * self.r1 / 2 * rows["r1"]
        if self.lecam and self._anchors is not None:
            rows["lecam"] = self._distance_from_anchors(d)
            loss_B = loss_B + self.lecam * rows["lecam"]
        valid = step.batch.valid
        parts = {key: _over_valid(row_B.detach(), valid) for key, row_B in rows.items()}
        if self.lecam and torch.is_grad_enabled():
            self._seen = torch.stack([parts["real"], parts["fake"]]).float()
        return replace(over_rows(loss_B, step), parts=parts | {"adaptive_weight": d.adaptive_weight})

    def _generator(self, d: Discrimination) -> Tensor:
        g = d.generator_logits
        return _mean(-g if self.gan_loss == "hinge" else softplus(-g))

    def _discriminator(self, d: Discrimination) -> Tensor:
        r, f = d.real_logits, d.fake_logits
        if self.gan_loss == "hinge":
            return (_mean(relu(1 - r)) + _mean(relu(1 + f))) / 2
        return (_mean(softplus(-r)) + _mean(softplus(f))) / 2

    def _distance_from_anchors(self, d: Discrimination) -> Tensor:
        assert self._anchors is not None
        of_real, of_fake = self._anchors.to(d.real_logits.device)
        above, below = relu(d.real_logits - of_fake), relu(of_real - d.fake_logits)
        return _mean(above.square()) + _mean(below.square())

    def on_train_batch_start(self, trainer: pl.Trainer, *args: Any) -> None:
        """Stores the optimiser step, so that a resumed run continues counting."""
        self._step = trainer.global_step

    def on_validation_start(self, trainer: pl.Trainer, *args: Any) -> None:
        """Stores the optimiser step, so that validation uses the same factors as the next training step."""
        self._step = trainer.global_step

    def on_train_batch_end(self, trainer: pl.Trainer, *args: Any) -> None:
        """Updates LeCam's moving averages, identically on all ranks."""
        if self._seen is None:
            return
        seen = trainer.strategy.reduce(self._seen, reduce_op="mean")
        assert isinstance(seen, Tensor)
        anchors = seen if self._anchors is None else self._anchors.to(seen.device)
        self._anchors, self._seen = anchors + (1 - DECAY) * (seen - anchors), None

    def state_dict(self) -> dict[str, Any]:
        """LeCam's moving averages (real, fake), or None."""
        return {"anchors": None if self._anchors is None else self._anchors.tolist()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restores LeCam's moving averages."""
        anchors = state_dict["anchors"]
        self._anchors = None if anchors is None else torch.tensor(anchors, dtype=torch.float32)


def _widened(d: Discrimination) -> Discrimination:
    # half-precision logits are cast to float32: means and small gradients keep their precision
    logits = {"generator_logits": d.generator_logits, "real_logits": d.real_logits, "fake_logits": d.fake_logits}
    return replace(d, **{k: v if v.dtype == torch.float64 else v.float() for k, v in logits.items()})


def _mean(x_B1PP: Tensor) -> Tensor:
    return x_B1PP.flatten(1).mean(1)


def _over_valid(x_B: Tensor, valid_B: Tensor) -> Tensor:
    return torch.where(valid_B, x_B, 0).sum() / valid_B.sum().clamp(min=1)


def _squared_gradient(d: Discrimination) -> Tensor:
    # the mean over patches is taken after the gradient, so that it stays in the range of half precision
    (slope_BCHW,) = torch.autograd.grad(d.real_logits.sum(), d.real_image, create_graph=True)
    patches = d.real_logits[0].numel()
    return (slope_BCHW / patches).square().flatten(1).sum(1)
