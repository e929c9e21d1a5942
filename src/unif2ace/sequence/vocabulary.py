"""One vocabulary for text, special tokens and image codes, in Show-o's order (arXiv 2408.12528).

[0, text_size)               text
text_size + 0 .. 9           pad, soi, eoi, sov, eov, t2i, mmu, t2v, v2v, lvg
image_offset + c             image code c
mask_id                      the masked image token, the last id
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from unif2ace.errors import ConfigError

SPECIAL = ("pad", "soi", "eoi", "sov", "eov", "t2i", "mmu", "t2v", "v2v", "lvg")
"""Special tokens in the order of their ids, from `text_size` on. Unused video tokens keep the ids equal to Show-o's."""

Slice = Literal["codebook", "text", "full"]
"""Part of the vocabulary over which logits are computed."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Sizes and offsets of the parts of the vocabulary.

    Attributes:
        text_size: Number of ids of the text tokenizer, at least 1.
        codebook_size: Number of codes of the image tokenizer, K, at least 2.
        bos_id: Text id of bos, which starts a text.
        eos_id: Text id of eos, which ends a text. Show-o uses the same id for bos and eos.
    """

    text_size: int
    codebook_size: int
    bos_id: int
    eos_id: int

    def __post_init__(self) -> None:
        if self.text_size < 1 or self.codebook_size < 2:
            raise ConfigError(
                f"text_size={self.text_size}, codebook_size={self.codebook_size}: text_size must be at least 1, and "
                "codebook_size at least 2"
            )
        for name in ("bos_id", "eos_id"):
            if not 0 <= getattr(self, name) < self.text_size:
                raise ConfigError(f"{name}={getattr(self, name)}: must be a text id in [0, {self.text_size})")

    def special(self, name: str) -> int:
        """Id of a special token, by its name in `SPECIAL`."""
        return self.text_size + SPECIAL.index(name)

    @property
    def image_offset(self) -> int:
        """Id of image code 0."""
        return self.text_size + len(SPECIAL)

    @property
    def mask_id(self) -> int:
        """Id of the masked image token."""
        return self.image_offset + self.codebook_size

    @property
    def size(self) -> int:
        """Total number of ids."""
        return self.mask_id + 1

    def bounds(self, part: Slice) -> tuple[int, int]:
        """First id (inclusive) and end (exclusive) of a slice of the vocabulary."""
        if part == "codebook":
            return self.image_offset, self.mask_id
        return (0, self.text_size) if part == "text" else (0, self.size)
