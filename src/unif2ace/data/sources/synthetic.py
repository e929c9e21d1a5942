"""Synthetic faces whose attributes are known exactly: no download, no real person's face."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from unif2ace.attributes import AttributeRecord
from unif2ace.data.sources.base import SourceItem
from unif2ace.errors import ConfigError
from unif2ace.synthetic import RENDERER_VERSION, Face, render, sample_face

LICENSE = "CC0-1.0"
STEM = "procedural"
"""First word of keys and identities. The split hashes identities: another word would mix train and val of old data."""


class SyntheticSource:
    """Faces drawn from a seed.

    Args:
        num_samples: Number of pictures.
        size: Side of the square pictures in pixels; 64, 128 or 256 are tried and looked at.
        seed: Two seeds share no face and no person.
        pictures_per_person: How many pictures show the same person with other expressions, clothes and light.

    Raises:
        ConfigError: If a number is out of range.
    """

    name = "synthetic"

    def __init__(self, num_samples: int = 20_000, size: int = 64, seed: int = 0, pictures_per_person: int = 2) -> None:
        if num_samples < 1 or pictures_per_person < 1:
            raise ConfigError(
                f"num_samples={num_samples}, pictures_per_person={pictures_per_person}: both must be >= 1"
            )
        if not 32 <= size <= 512:
            raise ConfigError(f"size={size}: faces are drawn between 32 and 512 pixels; set source.size=64")
        if not 0 <= seed < 2**20:
            raise ConfigError(f"seed={seed}: it must lie between 0 and {2**20 - 1}")
        self.num_samples, self.size, self.seed, self.pictures_per_person = num_samples, size, seed, pictures_per_person

    def __len__(self) -> int:
        """Number of pictures."""
        return self.num_samples

    def key(self, index: int) -> str:
        """Name of a sample, from the seed and its place."""
        return f"{STEM}-{self.seed}-{index:08d}"

    def identity(self, index: int) -> str:
        """Who is drawn."""
        return f"{STEM}-{self.seed}-{index // self.pictures_per_person}"

    def record(self, index: int) -> AttributeRecord:
        """What is visible in a picture."""
        return self.face(index).record

    def face(self, index: int) -> Face:
        """The drawn face at a place."""
        return _face(self.seed, index, self.pictures_per_person)

    def items(self, indices: Sequence[int]) -> list[SourceItem]:
        """The drawn pictures at these places."""
        faces = [self.face(i) for i in indices]
        return [
            SourceItem(
                image, face.record, LICENSE, provenance={"generator": RENDERER_VERSION, "seed": self.seed, "index": i}
            )
            for i, face, image in zip(indices, faces, render(faces, self.size), strict=True)
        ]

    def describe(self) -> dict[str, Any]:
        """Seed, size and numbers, and the version of the renderer."""
        return {**vars(self), "name": self.name, "renderer": RENDERER_VERSION}


@lru_cache(maxsize=4096)
def _face(seed: int, index: int, pictures_per_person: int) -> Face:
    block = seed << 32
    return sample_face(block + index, person=block + index // pictures_per_person)
