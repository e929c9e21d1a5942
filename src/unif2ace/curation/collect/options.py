"""Options of the step `collect`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from unif2ace.data.sources.paths import check_name
from unif2ace.data.sources.pictures import LARGEST, SMALLEST
from unif2ace.errors import ConfigError, nearest

Faces = Literal["largest", "all", "refuse"]


@dataclass(frozen=True, slots=True)
class CollectOptions:
    """Options for collecting faces.

    Attributes:
        name: Short name of the data set. It is written into every sample and starts every key.
        size: Side of the samples in pixels.
        faces: For a picture with several faces: keep the ``largest`` face, ``all`` faces, or ``refuse`` the picture.
        quality: JPEG quality, 1 to 100.
        require_license: Whether pictures without a license are left out. With False their license is ``unknown``.
        duplicates: Two faces are near-duplicates if their 128-bit hashes differ in at most this number of bits, 0 to
            64. Only the first of them is kept; None keeps all.
        validation: Share of the pictures in ``val/``, 0 to 0.5. All pictures of one identity are in the same split.
        pictures_per_shard: Number of input pictures per shard.
        seed: Seed of the split into ``train/`` and ``val/``.
    """

    name: str = "collected"
    size: int = 256
    faces: Faces = "largest"
    quality: int = 95
    require_license: bool = True
    duplicates: int | None = 6
    validation: float = 0.05
    pictures_per_shard: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        check_name(self.name)
        if not SMALLEST <= self.size <= LARGEST:
            raise ConfigError(f"size={self.size}: give {SMALLEST} to {LARGEST} pixels per side")
        if self.faces not in get_args(Faces):
            known = get_args(Faces)
            raise ConfigError(f"faces={self.faces!r} is not one of {', '.join(known)}{nearest(str(self.faces), known)}")
        if not 1 <= self.quality <= 100:
            raise ConfigError(f"quality={self.quality}: give a JPEG quality of 1 to 100")
        if self.duplicates is not None and (type(self.duplicates) is not int or not 0 <= self.duplicates <= 64):
            raise ConfigError(f"duplicates={self.duplicates}: give an integer of 0 to 64 bits, or null to keep all")
        if not 0 <= self.validation <= 0.5:
            raise ConfigError(f"validation={self.validation}: give a share of 0 to 0.5")
        if self.pictures_per_shard < 1:
            raise ConfigError(f"pictures_per_shard={self.pictures_per_shard}: give at least 1")

    def describe(self) -> dict[str, Any]:
        """The options as plain JSON."""
        return asdict(self)
