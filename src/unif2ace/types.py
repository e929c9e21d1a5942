"""What rooms hand to each other: dataclasses of tensors. Imports nothing of ours.

Letters in shapes: B rows, H and W pixels, N image tokens, T text tokens (padded to the longest row), A attributes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import IntEnum
from typing import Any

import torch
from torch import Tensor


class Task(IntEnum):
    """What a row of a batch trains."""

    IMAGE = 0
    """The picture alone (tokenizer), with its attributes where they are known (classifier)."""
    TEXT_TO_IMAGE = 1
    """A caption, and the picture to generate from it (T2I; group Gen)."""
    UNDERSTANDING = 2
    """A picture and a question, or none, and the text to answer with (MMU; group Und)."""


@dataclass(slots=True)
class Batch:
    """Rows of one training step on one rank; rows of a task stand together, in the order of `Task`.

    Nobody writes to it. It is not frozen only because Lightning's true-precision plugins refuse frozen dataclasses.

    Attributes:
        task: int8 (B,), values of `Task`.
        index: int64 (B,), place of each row in the run's global order: the key of its randomness, whatever the ranks.
        valid: bool (B,); False marks rows that only fill up a rank in evaluation, or the place of a faulty sample:
            losses and metrics leave them out.
        image: uint8 (B, 3, H, W), or None if only tokens are read.
        image_ids: int64 (B, N) codes of the tokenizer in [0, codebook), or None if not pre-tokenised.
        attributes: int8 (B, A), 1 true, 0 false, -1 not visible or not labelled, in the order of the taxonomy's labels.
        prompt: int64 (B, T) text ids, padded at the end: the caption of a T2I row, the question of an MMU row.
        prompt_length: int64 (B,) number of ids of `prompt`; 0 for none.
        answer: int64 (B, T) text ids of what an MMU row must say, padded at the end.
        answer_length: int64 (B,) number of ids of `answer`; 0 for none.
        keys: The samples' names.
    """

    task: Tensor
    index: Tensor
    valid: Tensor
    image: Tensor | None = None
    image_ids: Tensor | None = None
    attributes: Tensor | None = None
    prompt: Tensor | None = None
    prompt_length: Tensor | None = None
    answer: Tensor | None = None
    answer_length: Tensor | None = None
    keys: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.task)

    def map(self, function: Callable[[Tensor], Tensor]) -> Batch:
        """The batch with `function` applied to every tensor."""
        moved: dict[str, Any] = {
            f.name: function(value) for f in fields(self) if isinstance(value := getattr(self, f.name), Tensor)
        }
        return replace(self, **moved)

    def to(self, device: torch.device | str, **kwargs: Any) -> Batch:
        """The batch on a device; Lightning calls this."""
        return self.map(lambda x: x.to(device, **kwargs))

    def pin_memory(self) -> Batch:
        """The batch in page-locked memory; a DataLoader calls this."""
        return self.map(lambda x: x.pin_memory())


@dataclass(frozen=True, slots=True)
class LossTerm:
    """One loss of one forward pass: a sum and what to divide it by, never a mean.

    Attributes:
        total: float (), sum over what contributed; carries the gradient.
        count: float (), number of what contributed; without gradient.
        parts: Detached values to log beside the loss, by name.
    """

    total: Tensor
    count: Tensor
    parts: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def mean(self) -> Tensor:
        """Float (), `total` over `count`; 0, still tied to the graph, where nothing contributed."""
        return self.total / self.count.clamp(min=1)


@dataclass(frozen=True, slots=True)
class Quantized:
    """What a quantizer makes of an encoder's output; C channels on a grid of h x w cells.

    Attributes:
        z: float (B, C, h, w), the vectors that were compared with the codes (normalised where the quantizer does so).
        codes: float (B, C, h, w), the chosen codes; a gradient reaches only a codebook that is trained by gradient.
        straight_through: float (B, C, h, w), equal to `codes`, with the gradient of `z`: what the decoder reads.
        ids: int64 (B, h, w), values in [0, num_codes).
        logits: float (B, h, w, G, K), scores of the K choices of each of G independent factors of a code, or None if no
            loss reads them. Their softmax is the soft assignment whose entropy is regularised; choices that a factor
            lacks are -inf.
        num_codes: Size of the codebook.
    """

    z: Tensor
    codes: Tensor
    straight_through: Tensor
    ids: Tensor
    logits: Tensor | None = None
    num_codes: int = 0


@dataclass(frozen=True, slots=True)
class Discrimination:
    """What the discriminator says in one step; P patches.

    Attributes:
        generator_logits: float (B, 1, P, P) of the reconstruction; the gradient goes to the reconstruction only.
        real_image: float (B, 3, H, W), the pictures that `real_logits` judges; requires a gradient if a loss reads
            ``image_gradient``.
        real_logits: float (B, 1, P, P) of the real pictures; the gradient goes to the discriminator.
        fake_logits: float (B, 1, P, P) of the detached reconstruction; the gradient goes to the discriminator.
        adaptive_weight: float (), factor of the generator's term; 1 unless a loss reads ``adaptive_weight``.
    """

    generator_logits: Tensor
    real_image: Tensor
    real_logits: Tensor
    fake_logits: Tensor
    adaptive_weight: Tensor


@dataclass(frozen=True, slots=True)
class StepOutput:
    """What one forward pass gives to the losses, the metrics and the observers. Nobody writes to it.

    Attributes:
        batch: What went in.
        attribute_logits: float (B, A), logits of the taxonomy's labels, or None.
        image: float (B, 3, H, W) in [-1, 1], what the tokenizer must give back, or None.
        reconstruction: float (B, 3, H, W), what it gives back, not clamped, or None.
        quantized: What lies between, or None.
        features: Frozen features of `image` and of `reconstruction`, finest first, or None if no loss reads them.
        discrimination: What the discriminator says, or None if no loss reads it in this step.
    """

    batch: Batch
    attribute_logits: Tensor | None = None
    image: Tensor | None = None
    reconstruction: Tensor | None = None
    quantized: Quantized | None = None
    features: tuple[tuple[Tensor, ...], tuple[Tensor, ...]] | None = None
    discrimination: Discrimination | None = None
