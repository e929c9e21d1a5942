"""Another text tokenizer for a trained transformer: rows of the new ids from those of the old ones."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

FIRST = ("head.weight", "head.bias")
"""Tables that predict: a new token starts as likely as its first piece."""
MEAN = ("embedding.weight",)
"""Tables that are read: a new token starts as the mean of its pieces."""
NEVER = -20.0
"""Bias of a token that is read but never predicted."""
WORDS = "grounding.words"
"""Table of text ids alone, which is read and predicts."""


def with_text_rows(
    state: Mapping[str, Tensor],
    old_size: int,
    pieces: Sequence[Sequence[int]],
    tied: bool = False,
    read_only: Collection[int] = (),
) -> dict[str, Tensor]:
    """The tensors of a transformer for another text tokenizer; all ids after the text move with it.

    Args:
        state: Tensors by name; the tables have old_size text ids first, then special tokens and image codes.
        old_size: Number of text ids of the old tokenizer.
        pieces: Old text ids that each new text id is made of, at least one each.
        tied: Whether the embedding is the head too.
        read_only: New ids that are never predicted, such as phrases; where the head has biases, theirs keep them apart.

    Returns:
        All tensors; embedding and head have ``len(pieces)`` text ids.
    """
    import torch

    sizes = torch.tensor([len(row) for row in pieces])
    flat = torch.tensor([number for row in pieces for number in row])
    owner = torch.arange(len(pieces)).repeat_interleave(sizes)
    first = torch.tensor([row[0] for row in pieces])

    def mean(table: Tensor) -> Tensor:
        shape = (len(pieces), *table.shape[1:])
        total = torch.zeros(shape, dtype=torch.float64).index_add_(0, owner, table[flat].double())
        return (total / sizes[:, None]).to(table.dtype)

    made = dict(state)
    for name in (*MEAN, *FIRST):
        if name in state:
            table = state[name]
            text = table[first] if name in FIRST and not (tied and name == "head.weight") else mean(table)
            made[name] = torch.cat([text, table[old_size:]])
    if "head.bias" in made and read_only:
        made["head.bias"][sorted(read_only)] = NEVER
    if WORDS in state:
        made[WORDS] = mean(state[WORDS])
    return made
