"""What rooms hand to each other: dataclasses of tensors. Imports nothing of ours.

Letters in shapes: B rows, H and W pixels, N image tokens, T text tokens (padded to the longest row), A attributes,
L columns of a sequence, K codes, D width of the network, G rows that generate, E experts of a group.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import IntEnum
from functools import cached_property
from typing import Any, Literal, NamedTuple

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
        attributes: int8 (B, A), 1 true, 0 false, -1 not visible or not labelled; the taxonomy's labels, then its
            details.
        text: int64 (B, T) text ids, padded at the end: the caption of a T2I sample without special ids; the
            conversation of an MMU sample with them, see `unif2ace.sequence.conversation`.
        text_length: int64 (B,) number of ids of `text`; 0 for none.
        text_segment: int64 (B, T), number of the question that each id of a conversation belongs to, from 0; None if no
            sample has more than one.
        text_loss: bool (B, T), which ids of a conversation must be predicted.
        keys: The samples' names.
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
        count: float (), number of what contributed; without gradient. Over ranks the sums are divided by the sum of the
            counts.
        parts: Detached values to log beside the loss, by name.
        also: Further terms with counts of their own, which are added to this one.
    """

    total: Tensor
    count: Tensor
    parts: Mapping[str, Tensor] = field(default_factory=dict)
    also: tuple[LossTerm, ...] = ()

    @property
    def mean(self) -> Tensor:
        """Float (), `total` over `count`, and the means of `also`; 0, tied to the graph, where nothing counted."""
        return self.total / self.count.where(self.count > 0, 1) + sum(term.mean for term in self.also)


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


class Role(IntEnum):
    """What a column of a row holds."""

    PAD = 0
    TASK = 1
    """The token that names the task."""
    PROMPT = 2
    """Caption, question or instruction, with the tokens that start and end it."""
    SOI = 3
    IMAGE = 4
    EOI = 5
    ANSWER = 6
    """What an MMU row must say, with the token that ends it."""


@dataclass(frozen=True)
class TokenSequence:
    """Rows of tokens as the transformer takes them: whole, or, with a cache, only the columns that are new.

    Attributes:
        ids: int64 (B, L), input ids of the whole vocabulary.
        role: int8 (B, L), values of `Role`.
        task: int8 (B,), values of `Task`; it chooses the group of experts (T2I: Gen, MMU: Und).
        position: int64 (B, L), for the rotary embedding.
        attention: bool (B, 1, L, P + L), True where a column (third axis) may look at another (last axis); P columns
            of the cache come first. None: every column looks at all before it and itself.
        image_start: int64 (B,), column of the first image token, or None if no image token is among these columns.
        num_image_tokens: N; 0 if there is none.
        target: int64 (B, L), id that a column must predict, -100 for none: an image column of a T2I row its own clean
            token, soi and eoi there themselves, a text column of an MMU row the next token. None when decoding.
        visible: float32 (B,), share of the image tokens that are not masked, in [0, 1].
    """

    ids: Tensor
    role: Tensor
    task: Tensor
    position: Tensor
    attention: Tensor | None
    image_start: Tensor | None = None
    num_image_tokens: int = 0
    target: Tensor | None = None
    visible: Tensor | None = None

    @property
    def real(self) -> Tensor:
        """Bool (B, L), False for padding."""
        return self.role != Role.PAD

    @cached_property
    def understanding_rows(self) -> int:
        """How many rows are answered; a device is waited for once, not in every layer."""
        return int((self.task == Task.UNDERSTANDING).sum())

    @property
    def image_token_positions(self) -> Tensor:
        """int64 (B, N), columns of the image tokens."""
        assert self.image_start is not None
        return self.image_start[:, None] + torch.arange(self.num_image_tokens, device=self.ids.device)


class LogitsSpec(NamedTuple):
    """Logits that a loss reads: at which positions, over which slice of the vocabulary. They are computed once.

    Attributes:
        positions: A function of `unif2ace.sequence.positions`, or one like them: from a sequence to bool (B, L).
        vocabulary: ``codebook``, ``text`` or ``full``.
    """

    positions: Callable[[TokenSequence], Tensor]
    vocabulary: Literal["codebook", "text", "full"]


@dataclass(frozen=True, slots=True)
class Logits:
    """Logits at P positions over V ids.

    Attributes:
        sample: int64 (P,), index of the sample in the batch, in [0, B), ascending.
        position: int64 (P,), position in its sequence, in [0, L).
        values: float32 (P, V).
        target: int64 (P,), index of the target in the slice, in [0, V), or -100.
        generation: int64 (P,), index of the sample among those that generate, in [0, G): the first axis of
            `CorruptedTokens`. Anything for other samples.
        image_token: int64 (P,), index of the image token in its picture; outside [0, N) for other tokens.
    """

    sample: Tensor
    position: Tensor
    values: Tensor
    target: Tensor
    generation: Tensor
    image_token: Tensor


@dataclass(frozen=True, slots=True)
class CorruptedTokens:
    """Image codes of the G samples that generate, and what the forward process made of them; codes, not ids.

    Attributes:
        sample: int64 (G,), their indices in the batch.
        x0: int64 (G, N), clean codes in [0, K).
        xt: int64 (G, N), corrupted codes in [0, K], K for masked.
        t: float32 (G,), time in [0, 1]: 0 clean, 1 all noise.
        alpha: float32 (G,), probability that a token is not corrupted, alpha_t.
        weight: float32 (G,), weight of the likelihood bound, w(t) = -alpha'_t / (1 - alpha_t).
        sigma: float32 (G,), rate of the noise, sigma(t) = -alpha'_t / alpha_t.
    """

    sample: Tensor
    x0: Tensor
    xt: Tensor
    t: Tensor
    alpha: Tensor
    weight: Tensor
    sigma: Tensor


@dataclass(frozen=True, slots=True)
class Condition:
    """What is known of a picture from outside the token sequence; B rows, M vectors a row, F numbers each.

    Attributes:
        values: float (B, M, F); anything where it is not present.
        present: bool (B,).
    """

    values: Tensor
    present: Tensor


@dataclass(frozen=True, slots=True)
class Contrasts:
    """Pairs of texts, the first of which fits a face better than the second; P pairs.

    Attributes:
        place: int64 (P,), number of the face.
        fits: int64 (P, T), ids of the first, padded at the end with -1.
        misfits: int64 (P, T), ids of the second, likewise; one of both may have none.
    """

    place: Tensor
    fits: Tensor
    misfits: Tensor


@dataclass(frozen=True, slots=True)
class RouterStats:
    """What the routers of one layer did; sums, so that ranks and micro-batches add up. Group 0 is Gen, 1 is Und.

    Attributes:
        level: ``token`` or ``sequence``.
        assigned: float32 (2, E), how often each expert was chosen; padding is left out; without gradient.
        probability: float32 (2, E), sum of the routers' probabilities, with gradient.
        count: float32 (2,), tokens (or rows) that were routed.
        z: float32 (2,), sum of the squared logsumexp of the routers' logits, with gradient.
    """

    level: Literal["token", "sequence"]
    assigned: Tensor
    probability: Tensor
    count: Tensor
    z: Tensor


@dataclass(frozen=True, slots=True)
class UnifiedStep:
    """What the unified model computed.

    Attributes:
        sequence: What went into the transformer.
        corrupted: Image codes of the samples that generate, or None if there is none.
        logits: What the losses read.
        routers: Of each layer and level, the lowest layer first; empty for a dense network.
        nelbo: float32 (G,), upper bound of the negative log-likelihood of a picture's tokens given its caption, nats
            per token, one sample of time and masks; or None in training.
    """

    sequence: TokenSequence
    corrupted: CorruptedTokens | None
    logits: Mapping[LogitsSpec, Logits]
    routers: tuple[RouterStats, ...] = ()
    nelbo: Tensor | None = None


@dataclass(frozen=True, slots=True)
class StepOutput:
    """What one forward pass gives to the losses, the metrics and the observers. Nobody writes to it.

    Attributes:
        batch: What went in.
        attribute_logits: float (B, A), logits of the first A attributes of the batch, or None.
        image: float (B, 3, H, W) in [-1, 1], what the tokenizer must give back, or None.
        reconstruction: float (B, 3, H, W), what it gives back, not clamped, or None.
        quantized: What lies between, or None.
        features: Frozen features of `image` and of `reconstruction`, finest first, or None if no loss reads them.
        discrimination: What the discriminator says, or None if no loss reads it in this step.
        unified: What the unified model computed, or None.
    """

    batch: Batch
    attribute_logits: Tensor | None = None
    image: Tensor | None = None
    reconstruction: Tensor | None = None
    quantized: Quantized | None = None
    features: tuple[tuple[Tensor, ...], tuple[Tensor, ...]] | None = None
    discrimination: Discrimination | None = None
    unified: UnifiedStep | None = None
