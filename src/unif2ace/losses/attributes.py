"""Binary cross-entropy over the labels that are known; a label that is not visible teaches nothing."""

from __future__ import annotations

import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from unif2ace.losses.base import LossCallback
from unif2ace.types import LossTerm, StepOutput


class AttributesLoss(LossCallback):
    r"""Masked binary cross-entropy of attribute labels, in nats per known label.

    Formula: :math:`\sum_{b,a: y_{ba} \ge 0} -y_{ba} \log \sigma(z_{ba}) - (1 - y_{ba}) \log (1 - \sigma(z_{ba}))`,
    over the number of known labels of the batch on this rank.

    Args:
        weight: Factor of the term.
    """

    name = "attributes"

    def compute(self, step: StepOutput) -> LossTerm:
        """Sum over the known labels (labels of -1 and rows that only fill up a rank are left out)."""
        logits, labels = step.attribute_logits, step.batch.attributes
        assert logits is not None
        assert labels is not None
        known = (labels >= 0) & step.batch.valid[:, None]
        losses = binary_cross_entropy_with_logits(logits.float(), labels.clamp(min=0).float(), reduction="none")
        return LossTerm(torch.where(known, losses, 0).sum(), known.sum().float())
