"""Synthetic faces with exact attributes; needs no download and shows no real person."""

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
"""Prefix of keys and identities. The split hashes identities, so another prefix would change the split of old data."""


class SyntheticSource:
    """Faces rendered from a seed.

    Args:
        num_samples: Number of images.
        size: Side of the square images in pixels; 64, 128 and 256 are tested.
        seed: Seed of the faces, 0 to 2^20 - 1; different seeds share no face and no person.
        pictures_per_person: Number of images of each person; expression, clothes and light differ.

    Raises:
        ConfigError: If an argument is out of range.
    """

    name = "synthetic"

    def __init__(self, num_samples: int = 20_000, size: int = 64, seed: int = 0, pictures_per_person: int = 2) -> None:
        if num_samples < 1 or pictures_per_person < 1:
            raise ConfigError(
                f"num_samples={num_samples}, pictures_per_person={pictures_per_person}: both must be 1 or more"
            )
        if not 32 <= size <= 512:
            raise ConfigError(f"size={size}: faces are rendered at 32 to 512 pixels; set source.size=64")
        if not 0 <= seed < 2**20:
            raise ConfigError(f"seed={seed}: it must be between 0 and {2**20 - 1}")
        self.num_samples, self.size, self.seed, self.pictures_per_person = num_samples, size, seed, pictures_per_person

    def __len__(self) -> int:
        """Number of images."""
        return self.num_samples

    def key(self, index: int) -> str:
        """Key of a sample: prefix, seed and index."""
        return f"{STEM}-{self.seed}-{index:08d}"

    def identity(self, index: int) -> str:
        """Identifier of the person in the image."""
        return f"{STEM}-{self.seed}-{index // self.pictures_per_person}"

    def record(self, index: int) -> AttributeRecord:
        """The attributes visible in an image."""
        return self.face(index).record

    def face(self, index: int) -> Face:
        """The parameters of the face at an index."""
        return _face(self.seed, index, self.pictures_per_person)

    def items(self, indices: Sequence[int]) -> list[SourceItem]:
        """The rendered images at these indices."""
        faces = [self.face(i) for i in indices]
        return [
            SourceItem(
                image, face.record, LICENSE, provenance={"generator": RENDERER_VERSION, "seed": self.seed, "index": i}
            )
            for i, face, image in zip(indices, faces, render(faces, self.size), strict=True)
        ]

    def describe(self) -> dict[str, Any]:
        """The arguments and the version of the renderer."""
        return {**vars(self), "name": self.name, "renderer": RENDERER_VERSION}


@lru_cache(maxsize=4096)
def _face(seed: int, index: int, pictures_per_person: int) -> Face:
    block = seed << 32
    return sample_face(block + index, person=block + index // pictures_per_person)
