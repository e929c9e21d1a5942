"""Batches, and the outputs of a training step for losses, metrics and observers.

Shapes: B samples, H and W pixels, N image tokens, T text tokens (padded to the longest sample), A attributes, K codes,
G corrupted images, E experts of a group.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

import torch
from torch import Tensor

from unif2ace.types.sequences import CorruptedTokens, Logits, LogitsSpec, SequenceParts


@dataclass(slots=True)
class Batch:
    """Samples of one training step on one rank, grouped by task in the order of `Task`.

    Treat a batch as immutable. The dataclass is not frozen, because Lightning's true-precision plugins reject that.

    Attributes:
        task: int8 (B,), values of `Task`.
        index: int64 (B,), index of each sample in the global order of the run. It seeds the random numbers of the
            sample, so that results do not depend on the number of ranks.
        valid: bool (B,). False marks samples that only pad an evaluation batch or replace a faulty sample; losses and
            metrics ignore these samples.
        image: uint8 (B, 3, H, W) in [0, 255], or None if only tokens are read.
        image_ids: int64 (B, N) codes of the image tokenizer in [0, K), or None if not pre-tokenised.
        attributes: int8 (B, A), 1 true, 0 false, -1 not visible or not labelled. The labels of the taxonomy come first,
            then its details.
        text: int64 (B, T) text ids, padded at the end. For T2I samples: the caption without special ids. For MMU
            samples: the conversation with special ids, see `unif2ace.sequence.conversation`.
        text_length: int64 (B,), number of ids in `text`; 0 for no text.
        text_segment: int64 (B, T), index from 0 of the question that each id of a conversation belongs to; None if no
            sample has more than one question.
        text_loss: bool (B, T), True for the ids of a conversation to predict.
        keys: Names of the samples.
        long_texts: Names of the samples with a single text above the maximum length, which was truncated or left out.
        turns_left_out: Number of questions left out because the conversation of their sample was too long.
    """

    task: Tensor
    index: Tensor
    valid: Tensor
    image: Tensor | None = None
    image_ids: Tensor | None = None
    attributes: Tensor | None = None
    text: Tensor | None = None
    text_length: Tensor | None = None
    text_segment: Tensor | None = None
    text_loss: Tensor | None = None
    keys: tuple[str, ...] = ()
    long_texts: tuple[str, ...] = ()
    turns_left_out: int = 0

    def __len__(self) -> int:
        return len(self.task)

    def map(self, function: Callable[[Tensor], Tensor]) -> Batch:
        """Applies a function to every tensor of the batch, of shapes (B,) to (B, 3, H, W), and returns a new batch."""
        moved: dict[str, Any] = {
            f.name: function(value) for f in fields(self) if isinstance(value := getattr(self, f.name), Tensor)
        }
        return replace(self, **moved)

    def to(self, device: torch.device | str, **kwargs: Any) -> Batch:
        """Copies the batch to a device. Lightning calls this method."""
        return self.map(lambda x: x.to(device, **kwargs))

    def pin_memory(self) -> Batch:
        """Copies the batch to page-locked memory. PyTorch's DataLoader calls this method."""
        return self.map(lambda x: x.pin_memory())


@dataclass(frozen=True, slots=True)
class LossTerm:
    """One loss of one forward pass, as a sum and a count instead of a mean, so that ranks can be combined exactly.

    Attributes:
        total: float (), sum over all contributions, such as losses per sample (B,) or per token (P,), with gradient.
        count: float (), number of contributions, without gradient. Over several ranks, the mean is the sum of the
            totals divided by the sum of the counts.
        parts: Detached means to log with the loss, by name.
        part_counts: float (), number of contributions to each entry of `parts`, by name. Entries without a count are
            means over the valid samples of the batch.
        also: Further loss terms with their own counts; their means are added to the mean of this term.
    """

    total: Tensor
    count: Tensor
    parts: Mapping[str, Tensor] = field(default_factory=dict)
    part_counts: Mapping[str, Tensor] = field(default_factory=dict)
    also: tuple[LossTerm, ...] = ()

    @property
    def mean(self) -> Tensor:
        """Mean loss, float (): `total` / `count` plus the means of `also`. A count of 0 gives 0 with gradient 0."""
        return self.total / self.count.where(self.count > 0, 1) + sum(term.mean for term in self.also)


@dataclass(frozen=True, slots=True)
class Quantized:
    """Output of a quantizer: C channels on a grid of h x w cells.

    Attributes:
        z: float (B, C, h, w), encoder outputs; normalised if the quantizer compares them with codes on the
            unit sphere.
        codes: float (B, C, h, w), nearest codes. Their gradient reaches the codebook if it is trained by gradients.
        straight_through: float (B, C, h, w), input of the decoder: the values of `codes` with the gradient of `z`.
        ids: int64 (B, h, w), indices of the codes in [0, num_codes).
        logits: float (B, h, w, G, K), logits over the K choices of each of the G independent factors of a code, for
            entropy losses. Factors with fewer than K choices are filled with -inf. None if no loss reads the logits.
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
    """Outputs of the discriminator in one step, for P x P patches.

    Attributes:
        generator_logits: float (B, 1, P, P), logits of the reconstruction, with a gradient to the reconstruction only.
        real_image: float (B, 3, H, W), input images of `real_logits`; with gradient if a loss reads
            ``image_gradient``.
        real_logits: float (B, 1, P, P), logits of the real images, with a gradient to the discriminator.
        fake_logits: float (B, 1, P, P), logits of the detached reconstruction, with a gradient to the discriminator.
        adaptive_weight: float (), factor of the generator's loss; 1 unless a loss reads ``adaptive_weight``.
    """

    generator_logits: Tensor
    real_image: Tensor
    real_logits: Tensor
    fake_logits: Tensor
    adaptive_weight: Tensor


@dataclass(frozen=True, slots=True)
class Condition:
    """Conditioning that is not part of the token sequence, such as visual features: M vectors of F values per sequence.

    Attributes:
        values: float (B, M, F), the vectors; undefined for sequences without conditioning.
        present: bool (B,), whether a sequence has conditioning.
    """

    values: Tensor
    present: Tensor


@dataclass(frozen=True, slots=True)
class Contrasts:
    """P pairs of texts about faces; the first text of a pair describes the face better than the second.

    Attributes:
        place: int64 (P,), index of the face.
        fits: int64 (P, T), ids of the better text, padded at the end with -1.
        misfits: int64 (P, T), ids of the worse text, padded at the end with -1. One text of a pair may be empty.
    """

    place: Tensor
    fits: Tensor
    misfits: Tensor


@dataclass(frozen=True, slots=True)
class RouterStats:
    """Routing statistics of one layer, as sums that can be added over ranks and micro-batches.

    The first axis is the expert group: 0 is Gen, 1 is Und. Padding is never counted.

    Attributes:
        level: Whether experts are chosen per ``token`` or per ``sequence``.
        assigned: float32 (2, E), number of tokens or sequences for which each expert was chosen; no gradient.
        probability: float32 (2, E), sum of the routing probabilities of each expert, with gradient.
        count: float32 (2,), number of routed tokens or sequences.
        z: float32 (2,), sum of logsumexp(router logits)^2, with gradient.
    """

    level: Literal["token", "sequence"]
    assigned: Tensor
    probability: Tensor
    count: Tensor
    z: Tensor


@dataclass(frozen=True, slots=True)
class UnifiedStep:
    """Outputs of the unified model in one step.

    Attributes:
        sequences: Input of the transformer.
        corrupted: Image codes of the T2I samples; None without T2I samples.
        logits: Logits for the losses, by spec.
        routers: Routing statistics of each layer and level, the first layer first; empty for a dense network.
        nelbo: float32 (G,), estimate of the upper bound (NELBO) on the negative log-likelihood of the image tokens
            given the caption, in nats per token, from one sample of time and masks. None in training.
    """

    sequences: SequenceParts
    corrupted: CorruptedTokens | None
    logits: Mapping[LogitsSpec, Logits]
    routers: tuple[RouterStats, ...] = ()
    nelbo: Tensor | None = None


@dataclass(frozen=True, slots=True)
class StepOutput:
    """Outputs of one forward pass for the losses, metrics and observers. Treat them as immutable.

    Attributes:
        batch: The input batch.
        attribute_logits: float (B, A), logits of the first A attributes of the batch, or None.
        image: float (B, 3, H, W) in [-1, 1], the tokenizer's target, or None.
        reconstruction: float (B, 3, H, W), the tokenizer's output, not clamped to [-1, 1], or None.
        quantized: The quantizer's output, or None.
        features: Features of `image` and of `reconstruction` from a frozen network, finest resolution first; None if no
            loss reads them.
        discrimination: The discriminator's outputs, or None if no loss reads them in this step.
        unified: Outputs of the unified model, or None.
    """

    batch: Batch
    attribute_logits: Tensor | None = None
    image: Tensor | None = None
    reconstruction: Tensor | None = None
    quantized: Quantized | None = None
    features: tuple[tuple[Tensor, ...], tuple[Tensor, ...]] | None = None
    discrimination: Discrimination | None = None
    unified: UnifiedStep | None = None
