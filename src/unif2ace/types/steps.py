"""Batches, and what modules, losses and metrics exchange about one step.

Shapes: B samples, H and W pixels, N image tokens, T text tokens (padded to the longest sample), A attributes, K codes,
D width of the network, G corrupted images, E experts of a group.
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

    Treat it as immutable. It is not frozen because Lightning's true-precision plugins refuse frozen dataclasses.

    Attributes:
        task: int8 (B,), values of `Task`.
        index: int64 (B,), index of each sample in the run's global order. It keys the sample's randomness, so results
            do not depend on the number of ranks.
        valid: bool (B,); False marks samples that only pad an evaluation batch, or replace a faulty sample. Losses and
            metrics ignore them.
        image: uint8 (B, 3, H, W) in [0, 255], or None if only tokens are read.
        image_ids: int64 (B, N) codes of the image tokenizer in [0, K), or None if not pre-tokenised.
        attributes: int8 (B, A), 1 true, 0 false, -1 not visible or not labelled; the taxonomy's labels, then its
            details.
        text: int64 (B, T) text ids, padded at the end. A T2I sample holds the caption without special ids; an MMU
            sample holds the conversation with them, see `unif2ace.sequence.conversation`.
        text_length: int64 (B,), number of ids in `text`; 0 for no text.
        text_segment: int64 (B, T), index from 0 of the question that each id of a conversation belongs to; None if no
            sample has more than one question.
        text_loss: bool (B, T), True for the ids of a conversation that must be predicted.
        keys: Names of the samples.
        long_texts: Names of the samples with a text that is too long by itself: it was cut or left out.
        turns_left_out: Number of questions that did not fit beside the others of their sample.
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
        """The batch with `function` applied to every tensor, from (B,) to (B, 3, H, W)."""
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
    """One loss of one forward pass, as a sum and a divisor: never a mean.

    Attributes:
        total: float (), sum over all contributions, such as per-sample (B,) or per-token (P,) losses; with gradient.
        count: float (), number of contributions, without gradient. Across ranks the summed totals are divided by the
            summed counts.
        parts: Detached means to log with the loss, by name.
        part_counts: float (), numbers of contributions that a part is the mean of, by name; a part without one is the
            mean over the batch's valid samples.
        also: Further terms with counts of their own, which are added to this one.
    """

    total: Tensor
    count: Tensor
    parts: Mapping[str, Tensor] = field(default_factory=dict)
    part_counts: Mapping[str, Tensor] = field(default_factory=dict)
    also: tuple[LossTerm, ...] = ()

    @property
    def mean(self) -> Tensor:
        """Float (), `total` over `count`, plus the means of `also`; 0, attached to the graph, if the count is 0."""
        return self.total / self.count.where(self.count > 0, 1) + sum(term.mean for term in self.also)


@dataclass(frozen=True, slots=True)
class Quantized:
    """Output of a quantizer: C channels on a grid of h x w cells.

    Attributes:
        z: float (B, C, h, w), the vectors that were compared with the codes (normalised where the quantizer does so).
        codes: float (B, C, h, w), the chosen codes; a gradient reaches only a codebook that is trained by gradient.
        straight_through: float (B, C, h, w), equal to `codes` with the gradient of `z`; the decoder's input.
        ids: int64 (B, h, w), values in [0, num_codes).
        logits: float (B, h, w, G, K), logits over the K choices of each of G independent factors of a code; None if no
            loss reads them. Entropy losses regularise their softmax. Choices that a factor lacks are -inf.
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
    """Outputs of the discriminator in one step; P x P patches.

    Attributes:
        generator_logits: float (B, 1, P, P) for the reconstruction; the gradient goes to the reconstruction only.
        real_image: float (B, 3, H, W), the images behind `real_logits`; requires a gradient if a loss reads
            ``image_gradient``.
        real_logits: float (B, 1, P, P) for the real images; the gradient goes to the discriminator.
        fake_logits: float (B, 1, P, P) for the detached reconstruction; the gradient goes to the discriminator.
        adaptive_weight: float (), factor of the generator's term; 1 unless a loss reads ``adaptive_weight``.
    """

    generator_logits: Tensor
    real_image: Tensor
    real_logits: Tensor
    fake_logits: Tensor
    adaptive_weight: Tensor


@dataclass(frozen=True, slots=True)
class Condition:
    """Conditioning from outside the token sequence, such as visual features: M vectors of F values per sequence.

    Attributes:
        values: float (B, M, F); undefined where not present.
        present: bool (B,).
    """

    values: Tensor
    present: Tensor


@dataclass(frozen=True, slots=True)
class Contrasts:
    """P pairs of texts about a face, of which the first describes the face better.

    Attributes:
        place: int64 (P,), index of the face.
        fits: int64 (P, T), ids of the better text, padded at the end with -1.
        misfits: int64 (P, T), ids of the worse text, padded in the same way. One text of a pair may be empty.
    """

    place: Tensor
    fits: Tensor
    misfits: Tensor


@dataclass(frozen=True, slots=True)
class RouterStats:
    """Routing statistics of one layer, as sums that add over ranks and micro-batches. Group 0 is Gen, 1 is Und.

    Attributes:
        level: ``token`` or ``sequence``.
        assigned: float32 (2, E), number of times each expert was chosen, without padding; no gradient.
        probability: float32 (2, E), sum of the routing probabilities, with gradient.
        count: float32 (2,), number of tokens (or sequences) that were routed.
        z: float32 (2,), sum of the squared logsumexp of the router logits, with gradient.
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
        corrupted: Image codes of the T2I samples, or None if there is none.
        logits: Logits that the losses read.
        routers: Statistics of each layer and level, the lowest layer first; empty for a dense network.
        nelbo: float32 (G,), estimated upper bound on the negative log-likelihood of the image tokens given the caption,
            in nats per token, from one sample of time and masks; None in training.
    """

    sequences: SequenceParts
    corrupted: CorruptedTokens | None
    logits: Mapping[LogitsSpec, Logits]
    routers: tuple[RouterStats, ...] = ()
    nelbo: Tensor | None = None


@dataclass(frozen=True, slots=True)
class StepOutput:
    """Outputs of one forward pass, read by the losses, metrics and observers. Treat it as immutable.

    Attributes:
        batch: The input.
        attribute_logits: float (B, A), logits of the first A attributes of the batch, or None.
        image: float (B, 3, H, W) in [-1, 1], the tokenizer's target, or None.
        reconstruction: float (B, 3, H, W), the tokenizer's output, not clamped, or None.
        quantized: The quantizer's output, or None.
        features: Frozen features of `image` and of `reconstruction`, finest first, or None if no loss reads them.
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
