"""Initialises word embeddings from the image features of faces whose captions contain it, before the first step."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields
from typing import Any, Protocol, cast

import torch
from torch import Tensor

from unif2ace.errors import ConfigError
from unif2ace.nets.transformer.grounding import WordGrounding
from unif2ace.nets.transformer.unified import UnifiedNet
from unif2ace.nets.transformer.word_fitting import CaptionedFaces, fit_word_vectors
from unif2ace.nets.transformer.word_vectors import WordVectors
from unif2ace.nets.visual_encoders.base import VisualEncoder
from unif2ace.types import Batch, Contrasts

MAX_FACES = 8192
"""Maximum number of faces per data set whose captions and questions are read."""


class CaptionedData(Protocol):
    """Images in a fixed order with their captions and questions."""

    def captions(self, number: int) -> Iterable[Batch]:
        """At most `number` images of each data set, each with a caption."""
        ...

    def contrasts(self, number: int) -> Contrasts:
        """Contrasting texts from the questions about the same images."""
        ...

    def cached(
        self, name: str, settings: Mapping[str, Any], compute: Callable[[], Mapping[str, Tensor]]
    ) -> Mapping[str, Tensor]:
        """Computes tensors from the data, or reads the result of an earlier run with the same data and settings."""
        ...


@torch.no_grad()
def initialize_words(
    net: UnifiedNet, encoder: VisualEncoder, data: CaptionedData, strategy: Any, device: torch.device
) -> None:
    """Fits word vectors on rank 0 and broadcasts them to all ranks.

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
        sizes = dict(zip(("text_size", "features", "directions"), grounding.sizes, strict=True))

        def fit() -> dict[str, Tensor]:
            faces, contrasts = _encoded(encoder, data.captions(MAX_FACES), device), data.contrasts(MAX_FACES)
            fitted = fit_word_vectors(faces, contrasts, **sizes)
            return {field.name: getattr(fitted, field.name) for field in fields(fitted)}

        settings = {"faces": MAX_FACES, **sizes, **_arithmetic(device), "encoder": _digest(encoder)}
        vectors = WordVectors(**data.cached("word vectors", settings, fit))
    grounding.start_(cast(WordVectors, strategy.broadcast(vectors)), net.embedding.weight)


def _arithmetic(device: torch.device) -> dict[str, str]:
    """Settings that affect rounding."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    precision = f"{torch.get_default_dtype()}, {torch.get_float32_matmul_precision()}"
    return {"device": name, "precision": precision, "torch": torch.__version__}


def _digest(encoder: VisualEncoder) -> str:
    """Hash of an encoder's weights and options."""
    options = {name: value for name, value in vars(encoder).items() if isinstance(value, str | int | float | tuple)}
    digest = hashlib.sha256(f"{type(encoder)} {encoder} {options}".encode())
    for name, value in encoder.state_dict().items():
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _encoded(encoder: VisualEncoder, batches: Iterable[Batch], device: torch.device) -> Iterator[CaptionedFaces]:
    for batch in batches:
        if batch.image is None or batch.text is None or batch.text_length is None:
            raise ConfigError("net.grounded_words=true reads images and captions: set data.inputs=both")
        features = encoder(batch.image.to(device))
        known_B = features.present.cpu() & batch.valid
        yield CaptionedFaces(batch.text, batch.text_length, features.values.mean(1).float().cpu(), known_B)
