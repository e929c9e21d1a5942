"""Protocol of the extractors, and shared helpers. Shapes: B images of H x W pixels, D features."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, Self

from torch import Tensor

from unif2ace.errors import ConfigError


class Extractor(Protocol):
    """A frozen network that computes one feature vector per image. `FrozenFeatures` are extractors too.

    Attributes:
        name: Name of the network with a hash of its weights and its input size; values are comparable if names are
            equal.
    """

    name: str

    def pooled(self, image: Tensor) -> Tensor:
        """Features, float (B, D), of uint8 (B, 3, H, W) of any size."""

    def to(self, device: str) -> Self:
        """Moves the network to a device."""


def check_weights(weights: str | Path | None, extractor: str, what: str) -> Path:
    """Returns the weights file, or raises an error that describes the expected file.

    Args:
        weights: Path of the file; None if none was given.
        extractor: Name of the extractor's configuration.
        what: Description of the expected file and its source, for the message.

    Raises:
        ConfigError: If no file is given, or it does not exist.
    """
    if weights is None:
        raise ConfigError(f"extractor={extractor} needs weights: set extractor.weights=FILE to {what}")
    if not Path(weights).is_file():
        raise ConfigError(f"extractor.weights={weights}: there is no such file; give {what}")
    return Path(weights)


def fidelity(module: str, extractor: str) -> Any:
    """A module of torch-fidelity.

    Raises:
        ConfigError: If the package is missing.
    """
    try:
        return import_module(f"torch_fidelity.{module}")
    except ImportError as error:
        raise ConfigError(
            f"extractor={extractor} needs a package: pip install torch-fidelity, or install unif2ace[fidelity]"
        ) from error
