"""Replaces the text tokenizer of a trained transformer: computes rows of new ids from rows of old ids."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

FIRST = ("head.weight", "head.bias")
"""Output tables: a new token starts with the row of its first piece, so it is as likely as that piece."""
MEAN = ("embedding.weight",)
"""Input tables: a new token starts with the mean of the rows of its pieces."""
NEVER = -20.0
"""Output bias of a token that occurs in the input but is never predicted."""
WORDS = "grounding.words"
"""Table of text ids only, used at the input and at the output; rows are means as in `MEAN`."""


def with_text_rows(
    state: Mapping[str, Tensor],
    old_size: int,
    pieces: Sequence[Sequence[int]],
    tied: bool = False,
    read_only: Collection[int] = (),
) -> dict[str, Tensor]:
    """Converts a transformer's tensors to another text tokenizer; rows of special tokens and image codes are kept.

    Args:
        state: Tensors by name; the rows of a table are `old_size` text ids, then special tokens and image codes.
        old_size: Number of text ids of the old tokenizer.
        pieces: For each new text id, the old text ids of its pieces; at least one.
        tied: Whether embedding and head share one weight.
        read_only: New ids that are never predicted, such as phrases. If the head has biases, theirs are set to `NEVER`.

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
