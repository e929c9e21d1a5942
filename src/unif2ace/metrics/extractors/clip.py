"""Image features of OpenAI's CLIP, by torch-fidelity. Shapes: B images, D features."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from unif2ace.errors import ConfigError
from unif2ace.metrics.extractors.base import check_weights, fidelity
from unif2ace.nets.features.backbone import file_digest
from unif2ace.nets.images import check_images

WANTED = "a CLIP archive as OpenAI publishes it, such as ViT-B-32.pt (https://github.com/openai/CLIP)"


class ClipExtractor(nn.Module):
    """The image tower of CLIP (arXiv 2103.00020).

    Images are resized to the tower's input size by TensorFlow 1's bilinear interpolation.

    Args:
        weights: OpenAI's archive, a TorchScript file; the architecture is read from its tensors.

    Raises:
        ConfigError: If the package or the file is missing, or the file does not fit.
    """

    def __init__(self, weights: str | Path | None = None) -> None:
        super().__init__()
        path = check_weights(weights, "clip", WANTED)
        make: Any = fidelity("feature_extractor_clip", "clip").FeatureExtractorCLIP
        try:
            with torch.random.fork_rng(devices=[]):
                # the name only chooses a download: the architecture is that of the file
                self.net = make("clip-vit-b-32", ["clip"], feature_extractor_weights_path=str(path))
        except (RuntimeError, KeyError, IndexError) as error:
            raise ConfigError(f"extractor.weights={path} is not {WANTED}: {str(error).splitlines()[0]}") from error
        self.name = f"clip-{file_digest(path)[:8]}-{self.net.resolution}px"

    @torch.no_grad()
    def pooled(self, image: Tensor) -> Tensor:
        """Embeddings, not normalised, float32 (B, D), of uint8 (B, 3, H, W)."""
        features: Tensor = self.net(check_images(image))[0]
        return features
