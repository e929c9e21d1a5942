"""The features of FID: Inception-v3 by torch-fidelity. Shapes: B images, D = 2048 features."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from unif2ace.errors import ConfigError
from unif2ace.metrics.extractors.base import check_weights, fidelity
from unif2ace.nets.features.backbone import file_digest
from unif2ace.nets.images import check_images

WANTED = (
    "weights-inception-2015-12-05-6726825d.pth of torch-fidelity's release v0.2.0 "
    "(https://github.com/toshas/torch-fidelity/releases)"
)


class InceptionExtractor(nn.Module):
    """Inception-v3 of the published FID values.

    Images are resized to 299 pixels by TensorFlow 1's bilinear interpolation.

    Args:
        weights: torch-fidelity's weights file; it is loaded with ``weights_only=True``.

    Raises:
        ConfigError: If the package or the file is missing, or the file does not fit.
    """

    def __init__(self, weights: str | Path | None = None) -> None:
        super().__init__()
        path = check_weights(weights, "inception", WANTED)
        make: Any = fidelity("feature_extractor_inceptionv3", "inception").FeatureExtractorInceptionV3
        try:
            torch.load(path, map_location="cpu", weights_only=True)  # torch-fidelity would run code in the file
            with torch.random.fork_rng(devices=[]):
                self.net = make("inception-v3-compat", ["2048"], feature_extractor_weights_path=str(path))
        except (RuntimeError, OSError, EOFError, AttributeError, pickle.UnpicklingError) as error:
            raise ConfigError(f"extractor.weights={path} is not {WANTED}: {str(error).splitlines()[0]}") from error
        self.name = f"inception-v3-compat-{file_digest(path)[:8]}-299px"

    @torch.no_grad()
    def pooled(self, image: Tensor) -> Tensor:
        """Features of the last average pooling, float32 (B, 2048), of uint8 (B, 3, H, W)."""
        features: Tensor = self.net(check_images(image))[0]
        return features
