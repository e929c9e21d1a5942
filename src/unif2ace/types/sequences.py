"""Sequences of tokens, and logits of their positions.

Shapes: B sequences, L positions, T tokens of all sequences, R sequences with an image, N image tokens, P positions at
which logits are read, K codes, G corrupted images.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import Literal, NamedTuple

import torch
from torch import Tensor


class Task(IntEnum):
    """The task that a sample trains."""

    IMAGE = 0
    """The image alone (tokenizer), with its attributes where they are known (classifier)."""
    TEXT_TO_IMAGE = 1
    """A caption and the image to generate from it (T2I; expert group Gen)."""
    UNDERSTANDING = 2
    """An image, a question (or none) and the text to answer with (MMU; expert group Und)."""


class Role(IntEnum):
    """The kind of token at a position of a sequence."""

    PAD = 0
    TASK = 1
    """The special token of the task."""
    PROMPT = 2
    """Caption, question or instruction, with the tokens that start and end it."""
    SOI = 3
    IMAGE = 4
    EOI = 5
    ANSWER = 6
    """The answer of an MMU sequence, with the eos that ends it."""


@dataclass(frozen=True)
class TokenSequence:
    """Input of the transformer: whole sequences, or, with a cache, only their new positions.

    Attributes:
        ids: int64 (B, L), input ids over the whole vocabulary.
        role: int8 (B, L), values of `Role`.
        task: int8 (B,), values of `Task`; selects the expert group (T2I: Gen, MMU: Und).
        position: int64 (B, L), position index for the rotary embedding.
        attention: bool (B, 1, L, P + L), True where a query position (third axis) may attend to a key position (last
            axis); the P cached positions come first. None means causal attention.
        image_start: int64 (B,), position of the first image token, or None if these positions hold no image token.
        num_image_tokens: N; 0 if there is none.
        target: int64 (B, L), id to predict at each position, -100 for none. Image positions of a T2I sequence predict
            their own clean token, and soi and eoi themselves; text positions of an MMU sequence predict the next token.
            None when decoding.
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
        """Number of MMU sequences; cached, so the device is synchronised once and not in every layer."""
        return int((self.task == Task.UNDERSTANDING).sum())

    @property
    def image_token_positions(self) -> Tensor:
        """int64 (B, N), positions of the image tokens."""
        assert self.image_start is not None
        return self.image_start[:, None] + torch.arange(self.num_image_tokens, device=self.ids.device)


@dataclass(frozen=True)
class SequenceParts:
    """Sequences of one forward pass, in parts of equal length; the T tokens of all parts are computed together.

    A part may continue an earlier one: its sequences attend to those of the earlier part. R / B consecutive sequences
    continue the same one if it has B sequences and the continuing part R. Several images thus share one caption.

    Attributes:
        parts: The parts, ids (B, L) each.
        before: For each part the index of the part that it continues, or None.
    """

    parts: tuple[TokenSequence, ...]
    before: tuple[int | None, ...]

    @classmethod
    def of(cls, *parts: TokenSequence) -> SequenceParts:
        """Parts of which none continues another."""
        return cls(parts, (None,) * len(parts))

    @cached_property
    def copies(self) -> tuple[int, ...]:
        """For each part, the number of sequences that continue each of its sequences; 1 if there are none."""
        rows = [len(part.ids) for part in self.parts]
        after = [sum(n for n, b in zip(rows, self.before, strict=True) if b == i) for i in range(len(rows))]
        return tuple(a // n if a else 1 for a, n in zip(after, rows, strict=True))

    def tokens(self, name: str) -> Tensor:
        """An attribute (B, L) of all parts, (T,)."""
        return joined([getattr(part, name).flatten() for part in self.parts])

    def split(self, values: Tensor) -> list[Tensor]:
        """Values (T, ...) of all tokens as those of each part, (B, L, ...)."""
        shapes = [part.ids.shape for part in self.parts]
        pieces = torch.split(values, [rows * length for rows, length in shapes])
        return [piece.view(*shape, *piece.shape[1:]) for piece, shape in zip(pieces, shapes, strict=True)]

    @cached_property
    def by_task(self) -> tuple[Tensor | None, int]:
        """Order of all tokens with those of MMU sequences last, int64 (T,), and the number of the latter.

        The order is None if they are ordered so already.
        """
        shares = [part.understanding_rows / len(part.ids) for part in self.parts if len(part.ids)]
        count = sum(part.understanding_rows * part.ids.shape[1] for part in self.parts)
        if all(share in (0, 1) for share in shares) and shares == sorted(shares):
            return None, count
        task_T = joined([part.task[:, None].expand(part.ids.shape).flatten() for part in self.parts])
        return (task_T == Task.UNDERSTANDING).long().argsort(stable=True), count

    @cached_property
    def images(self) -> SpansOfImages | None:
        """The image tokens of all parts that have some; None if no part does."""
        found, first = [], 0
        for part in self.parts:
            rows, length = part.ids.shape
            if part.image_start is not None and part.num_image_tokens:
                column_BN = part.image_token_positions.clamp(0, length - 1)
                place_BN = column_BN + torch.arange(rows, device=column_BN.device)[:, None] * length + first
                whole_B = (part.role.gather(1, column_BN) == Role.IMAGE).all(1)
                visible_B = torch.ones(rows, device=column_BN.device) if part.visible is None else part.visible
                found.append(SpansOfImages(place_BN, whole_B, part.task, visible_B))
            first += rows * length
        return SpansOfImages(*map(joined, zip(*found, strict=True))) if found else None


class SpansOfImages(NamedTuple):
    """The image tokens of R sequences.

    Attributes:
        token: int64 (R, N), their indices among the T tokens of all parts.
        whole: bool (R,), False where a sequence has no image at these positions.
        task: int8 (R,), values of `Task`.
        visible: float32 (R,), see `TokenSequence`.
    """

    token: Tensor
    whole: Tensor
    task: Tensor
    visible: Tensor


def joined(pieces: Sequence[Tensor]) -> Tensor:
    """Tensors concatenated along the first axis; a single one is not copied."""
    return pieces[0] if len(pieces) == 1 else torch.cat(list(pieces))


class LogitsSpec(NamedTuple):
    """Where a loss reads logits: the positions and the slice of the vocabulary. Equal specs are computed once.

    Attributes:
        positions: A function from a sequence to bool (B, L), such as those of `unif2ace.sequence.positions`.
        vocabulary: ``codebook``, ``text`` or ``full``.
    """

    positions: Callable[[TokenSequence], Tensor]
    vocabulary: Literal["codebook", "text", "full"]


@dataclass(frozen=True, slots=True)
class Logits:
    """Logits at P positions over a slice of V ids.

    Attributes:
        sample: int64 (P,), index of the sample in the batch.
        values: float32 (P, V).
        target: int64 (P,), index of the target in the slice, in [0, V), or -100.
        generation: int64 (P,), index of the corrupted image, in [0, G): the first axis of `CorruptedTokens`. Undefined
            for MMU samples.
        image_token: int64 (P,), index of the image token in its image; outside [0, N) for other tokens.
        first: bool (P,), True for the first target of an answer; None for logits of image tokens alone.
    """

    sample: Tensor
    values: Tensor
    target: Tensor
    generation: Tensor
    image_token: Tensor
    first: Tensor | None = None


@dataclass(frozen=True, slots=True)
class CorruptedTokens:
    """Image codes of G images before and after the forward process; codes, not vocabulary ids.

    Several may be of the same T2I sample.

    Attributes:
        sample: int64 (G,), indices of their samples in the batch.
        x0: int64 (G, N), clean codes in [0, K).
        xt: int64 (G, N), corrupted codes in [0, K], where K is the mask.
        t: float32 (G,), time in [0, 1]: 0 clean, 1 all noise.
        alpha: float32 (G,), probability alpha_t that a token is not corrupted.
        weight: float32 (G,), weight of the likelihood bound, w(t) = -alpha'_t / (1 - alpha_t).
        sigma: float32 (G,), noise rate, sigma(t) = -alpha'_t / alpha_t.
    """

    sample: Tensor
    x0: Tensor
    xt: Tensor
    t: Tensor
    alpha: Tensor
    weight: Tensor
    sigma: Tensor
