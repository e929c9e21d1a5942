"""Initialises word embeddings from the image features of captions that contain the word, before the first step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol, cast

import torch

from unif2ace.errors import ConfigError
from unif2ace.nets.transformer.grounding import WordGrounding
from unif2ace.nets.transformer.unified import UnifiedNet
from unif2ace.nets.transformer.word_fitting import CaptionedFaces, fit_word_vectors
from unif2ace.nets.transformer.word_vectors import WordVectors
from unif2ace.nets.visual_encoders.base import VisualEncoder
from unif2ace.types import Batch, Contrasts

MAX_FACES = 8192
"""Number of faces per data set whose captions and questions are read."""


class CaptionedData(Protocol):
    """Images in a fixed order with their captions and questions."""

    def captions(self, number: int) -> Iterable[Batch]:
        """At most this number of images of each data set, each with a caption."""
        ...

    def contrasts(self, number: int) -> Contrasts:
        """Contrasting texts from the questions about the same images."""
        ...


@torch.no_grad()
def initialize_words(
    net: UnifiedNet, encoder: VisualEncoder, data: CaptionedData, strategy: Any, device: torch.device
) -> None:
    """Fits word vectors on one process and broadcasts them.

    Args:
        net: Network whose `grounding` is a `WordGrounding`.
        encoder: Encodes images uint8 (B, 3, H, W).
        data: Captions and questions.
        strategy: The Trainer's strategy.
        device: Device of the encoder.

    Raises:
        ConfigError: If the data has no images.
    """
    grounding = cast(WordGrounding, net.grounding)
    vectors: WordVectors | None = None
    if strategy.is_global_zero:
        text, features, directions = grounding.sizes
        faces, contrasts = _encoded(encoder, data.captions(MAX_FACES), device), data.contrasts(MAX_FACES)
        vectors = fit_word_vectors(faces, contrasts, text_size=text, features=features, directions=directions)
    grounding.start_(cast(WordVectors, strategy.broadcast(vectors)), net.embedding.weight)


def _encoded(encoder: VisualEncoder, batches: Iterable[Batch], device: torch.device) -> Iterator[CaptionedFaces]:
    for batch in batches:
        if batch.image is None or batch.text is None or batch.text_length is None:
            raise ConfigError("net.grounded_words=true reads pictures and captions: set data.inputs=both")
        features = encoder(batch.image.to(device))
        known_B = features.present.cpu() & batch.valid
        yield CaptionedFaces(batch.text, batch.text_length, features.values.mean(1).float().cpu(), known_B)
