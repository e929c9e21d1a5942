"""Vectors of words in whitened image features. Shapes: B samples, V text ids, F features, K whitened directions."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional


def whiten(features_BF: Tensor, mean_F: Tensor, axes_FK: Tensor) -> Tensor:
    """Layer-normalised features (B, F) in K directions of equal variance, float (B, K)."""
    return (functional.layer_norm(features_BF.to(mean_F.dtype), mean_F.shape) - mean_F) @ axes_FK


@dataclass(frozen=True, slots=True)
class WordVectors:
    """Vectors of words, fitted to captions and questions.

    Attributes:
        words: float32 (V, K); 0 for words that are unrelated to images or never occur.
        bias: float32 (V,), image-independent part of how well a word fits.
        mean: float32 (F,), mean of the normalised features.
        axes: float32 (F, K), maps centred features to directions of equal variance.
    """

    words: Tensor
    bias: Tensor
    mean: Tensor
    axes: Tensor

    def whitened(self, features_BF: Tensor) -> Tensor:
        """Whitened features (B, K) of features (B, F)."""
        return whiten(features_BF, self.mean, self.axes)
