"""Token sequences, and logits at their positions.

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
    """An image for the image tokenizer, or an image with its known attributes for the attribute classifier."""
    TEXT_TO_IMAGE = 1
    """A caption, and the image to generate from the caption (T2I; expert group Gen)."""
    UNDERSTANDING = 2
    """An image, optionally a question, and the answer to predict (MMU; expert group Und)."""


class Role(IntEnum):
    """The kind of token at a position of a sequence."""

    PAD = 0
    TASK = 1
    """The special token of the task."""
    PROMPT = 2
    """A caption, question or instruction, including its bos and eos."""
    SOI = 3
    IMAGE = 4
    EOI = 5
    ANSWER = 6
    """The answer of an MMU sequence, including its eos."""


@dataclass(frozen=True)
class TokenSequence:
    """Input of the transformer: complete sequences, or only the new positions when decoding with a cache.

    Attributes:
        ids: int64 (B, L), input ids over the whole vocabulary.
        role: int8 (B, L), values of `Role`.
        task: int8 (B,), values of `Task`; selects the expert group (T2I: Gen, MMU: Und).
        position: int64 (B, L), position index for the rotary embedding.
        attention: bool (B, 1, L, C + L), True where a query position (third axis) may attend to a key position (last
            axis). The C cached positions come first. None means causal attention.
        image_start: int64 (B,), position of the first image token; None if no position is an image token.
        num_image_tokens: Number of image tokens per sequence, N; 0 if no position is an image token.
        target: int64 (B, L), id to predict at each position, or -100. In T2I sequences, image positions predict their
            own clean token, and soi and eoi predict themselves. In MMU sequences, text positions predict the next
            token. None when decoding.
        visible: float32 (B,), share of the image tokens that are not masked, in [0, 1]; None without an image.
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
        """Whether each position is a real token, bool (B, L); False for padding."""
        return self.role != Role.PAD

    @cached_property
    def understanding_rows(self) -> int:
        """Number of MMU sequences. Cached, so that the device is synchronised only once and not in every layer."""
        return int((self.task == Task.UNDERSTANDING).sum())

    @property
    def image_token_positions(self) -> Tensor:
        """int64 (B, N), positions of the image tokens."""
        assert self.image_start is not None
        return self.image_start[:, None] + torch.arange(self.num_image_tokens, device=self.ids.device)


@dataclass(frozen=True)
class SequenceParts:
    """Sequences of one forward pass, in parts; all sequences of a part have the same length.

    The T tokens of all parts are computed together. A part may continue an earlier part: then each of its sequences
    attends to one sequence of the earlier part. If the earlier part has B sequences and the continuing part R, then
    R / B consecutive sequences continue the same sequence. Several images can thus share one caption.

    Attributes:
        parts: The parts, with ids (B, L) each.
        before: For each part, the index of the part that it continues, or None.
    """

    parts: tuple[TokenSequence, ...]
    before: tuple[int | None, ...]

    @classmethod
    def of(cls, *parts: TokenSequence) -> SequenceParts:
        """Combines parts that do not continue each other."""
        return cls(parts, (None,) * len(parts))

    @cached_property
    def copies(self) -> tuple[int, ...]:
        """For each part, the number of later sequences that continue each sequence of the part; 1 if none do."""
        rows = [len(part.ids) for part in self.parts]
        after = [sum(n for n, b in zip(rows, self.before, strict=True) if b == i) for i in range(len(rows))]
        return tuple(a // n if a else 1 for a, n in zip(after, rows, strict=True))

    def tokens(self, name: str) -> Tensor:
        """Concatenates an attribute (B, L) of all parts to (T,)."""
        return joined([getattr(part, name).flatten() for part in self.parts])

    def split(self, values: Tensor) -> list[Tensor]:
        """Splits values (T, ...) of all tokens into the values (B, L, ...) of each part."""
        shapes = [part.ids.shape for part in self.parts]
        pieces = torch.split(values, [rows * length for rows, length in shapes])
        return [piece.view(*shape, *piece.shape[1:]) for piece, shape in zip(pieces, shapes, strict=True)]

    @cached_property
    def by_task(self) -> tuple[Tensor | None, int]:
        """A permutation of all tokens that puts the tokens of MMU sequences last, int64 (T,), and their number.

        The permutation is None if the tokens are in this order already.
        """
        shares = [part.understanding_rows / len(part.ids) for part in self.parts if len(part.ids)]
        count = sum(part.understanding_rows * part.ids.shape[1] for part in self.parts)
        if all(share in (0, 1) for share in shares) and shares == sorted(shares):
            return None, count
        task_T = joined([part.task[:, None].expand(part.ids.shape).flatten() for part in self.parts])
        return (task_T == Task.UNDERSTANDING).long().argsort(stable=True), count

    @cached_property
    def images(self) -> SpansOfImages | None:
        """The image tokens of all parts; None if no part has image tokens."""
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
        token: int64 (R, N), indices of the image tokens among the T tokens of all parts.
        whole: bool (R,), whether all N positions of a sequence are image tokens.
        task: int8 (R,), values of `Task`.
        visible: float32 (R,), share of unmasked image tokens, see `TokenSequence`.
    """

    token: Tensor
    whole: Tensor
    task: Tensor
    visible: Tensor


def joined(pieces: Sequence[Tensor]) -> Tensor:
    """Concatenates tensors along the first axis. A single tensor is returned without a copy."""
    return pieces[0] if len(pieces) == 1 else torch.cat(list(pieces))


class LogitsSpec(NamedTuple):
    """The positions and the slice of the vocabulary for which a loss needs logits.

    Logits of equal specs are computed only once.

    Attributes:
        positions: A function from a sequence to bool (B, L), such as the ones in `unif2ace.sequence.positions`.
        vocabulary: ``codebook``, ``text`` or ``full``.
    """

    positions: Callable[[TokenSequence], Tensor]
    vocabulary: Literal["codebook", "text", "full"]


@dataclass(frozen=True, slots=True)
class Logits:
    """Logits at P positions, over the V ids of a slice of the vocabulary.

    Attributes:
        sample: int64 (P,), index of the sample in the batch.
        values: float32 (P, V), the logits.
        target: int64 (P,), index of the target in the slice, in [0, V), or -100.
        generation: int64 (P,), index of the corrupted image in [0, G), the first axis of `CorruptedTokens`. Undefined
            for MMU samples.
        image_token: int64 (P,), index of the image token in its image; outside [0, N) for other tokens.
        first: bool (P,), True for the first target of an answer; None if all logits are of image tokens.
    """

    sample: Tensor
    values: Tensor
    target: Tensor
    generation: Tensor
    image_token: Tensor
    first: Tensor | None = None


@dataclass(frozen=True, slots=True)
class CorruptedTokens:
    """Codes (not vocabulary ids) of G images before and after the forward process.

    Several of the G images may belong to the same T2I sample.

    Attributes:
        sample: int64 (G,), index in the batch of the sample of each image.
        x0: int64 (G, N), clean codes in [0, K).
        xt: int64 (G, N), corrupted codes in [0, K], where K is the mask.
        t: float32 (G,), time in [0, 1]: 0 is clean, 1 is all noise.
        alpha: float32 (G,), probability alpha_t that a token is not corrupted.
        weight: float32 (G,), weight of the loss in the likelihood bound, w(t) = -alpha'_t / (1 - alpha_t).
        sigma: float32 (G,), noise rate, sigma(t) = -alpha'_t / alpha_t.
    """

    sample: Tensor
    x0: Tensor
    xt: Tensor
    t: Tensor
    alpha: Tensor
    weight: Tensor
    sigma: Tensor
