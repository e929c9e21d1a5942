"""Binary cross-entropy over the known attribute labels; unknown labels are ignored. Shapes: B samples, A attributes."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from unif2ace.errors import ConfigError
from unif2ace.losses.base import LossCallback
from unif2ace.types import LossTerm, StepOutput


class AttributesLoss(LossCallback):
    r"""Masked binary cross-entropy of attribute logits (B, A), in nats per known label.

    Formula, over the known labels y of the batch on this rank:
    :math:`\sum_{b,a: y_{ba} \ge 0} -w_a y_{ba} \log \sigma(z_{ba}) - v_a (1 - y_{ba}) \log (1 - \sigma(z_{ba}))`,
    divided by the number of known labels. The class weights are :math:`w_a = (2 n_a / (n_a + m_a))^{-\beta}` and
    :math:`v_a = (2 m_a / (n_a + m_a))^{-\beta}`, at most `cap`, with the counts n_a of positives and m_a of negatives
    so far in training. Both weights are 1 for an attribute that half of the faces show. For beta = 1 positives and
    negatives have equal total weight.

    Args:
        weight: Factor of the term.
        balance: :math:`\beta` in [0, 1]; 0 for no class weights.
        cap: Largest class weight, 1 or more.

    Raises:
        ConfigError: If `balance` is not in [0, 1] or `cap` is below 1.
    """

    name = "attributes"
    needs = "attribute_logits"

    def __init__(self, weight: float = 1.0, balance: float = 0.0, cap: float = 10.0) -> None:
        super().__init__(weight)
        if not 0 <= balance <= 1 or cap < 1:
            raise ConfigError(
                f"loss.attributes.balance={balance}, loss.attributes.cap={cap}: balance must be in [0, 1], "
                "and cap 1 or more"
            )
        self.balance, self.cap = balance, cap
        self._counts_2A: Tensor | None = None

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Rejects data without labels, from which this loss cannot learn.

        Raises:
            ConfigError: If no training sample has an attribute label.
        """
        has_labels = getattr(trainer.datamodule, "has_labels", None)  # type: ignore[attr-defined]
        if has_labels is not None and not has_labels():
            raise ConfigError(
                "loss.attributes has nothing to learn: no training sample has an attribute label; import the images "
                "with a table of labels (source.table), or select another loss"
            )

    def compute(self, step: StepOutput) -> LossTerm:
        """The sum over the known labels; labels of -1 and padding samples are left out."""
        logits_BA, labels_BA = step.attribute_logits, step.batch.attributes
        assert logits_BA is not None
        assert labels_BA is not None
        labels_BA = labels_BA[:, : logits_BA.shape[1]]
        known_BA = (labels_BA >= 0) & step.batch.valid[:, None]
        truth_BA = labels_BA.clamp(min=0).to(logits_BA.dtype if logits_BA.dtype == torch.float64 else torch.float32)
        losses_BA = binary_cross_entropy_with_logits(logits_BA.to(truth_BA.dtype), truth_BA, reduction="none")
        if self.balance:
            losses_BA = losses_BA * self._weights(labels_BA, known_BA)
        return LossTerm(torch.where(known_BA, losses_BA, 0).sum(), known_BA.sum().float())

    def _weights(self, labels_BA: Tensor, known_BA: Tensor) -> Tensor:
        yes_BA = labels_BA == 1
        counts_2A = torch.stack([(known_BA & ~yes_BA).sum(0), (known_BA & yes_BA).sum(0)]).double()
        before = torch.ones_like(counts_2A) if self._counts_2A is None else self._counts_2A.to(counts_2A.device)
        total_2A = before + counts_2A
        if torch.is_grad_enabled():
            self._counts_2A = total_2A
        weight_2A = (2 * total_2A / total_2A.sum(0)).pow(-self.balance).clamp(max=self.cap).float()
        return torch.where(yes_BA, weight_2A[1], weight_2A[0])

    def state_dict(self) -> dict[str, Any]:
        """The label counts (2, A) so far, as nested lists."""
        return {"counts": None if self._counts_2A is None else self._counts_2A.tolist()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restores the label counts."""
        counts = state_dict["counts"]
        self._counts_2A = None if counts is None else torch.tensor(counts, dtype=torch.float64)
