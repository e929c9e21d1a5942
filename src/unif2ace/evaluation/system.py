"""Interface of the systems that make outputs, and its implementation for the unified model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from torch import Tensor

    from unif2ace.diffusion.samplers.base import Sampler
    from unif2ace.inference.unified_model import UnifiedModel


class Scored(Protocol):
    """Interface of a model that can be scored; images are uint8 (B, 3, H, W)."""

    def generate(self, prompts: Sequence[str], seeds: Sequence[int]) -> Tensor:
        """Faces from captions, uint8 (B, 3, H, W); the same prompt and seed give the same face."""

    def caption(self, images: Tensor) -> list[str]:
        """A caption for each image, uint8 (B, 3, H, W)."""

    def ask(self, images: Tensor, questions: Sequence[str], *, max_new: int = 64) -> list[str]:
        """An answer of at most `max_new` tokens to a question about each image, uint8 (B, 3, H, W)."""

    def reconstruct(self, images: Tensor) -> Tensor:
        """The tokenizer's reconstruction of each image, uint8 (B, 3, H, W)."""

    def likelihood_bound(self, images: Tensor, prompts: Sequence[str], index: Sequence[int], draws: int) -> Tensor:
        """NELBO of each image given its prompt, float (B,), nats per image token; `index` seeds each image's noise."""


class Sampled:
    """Implements `Scored` for a unified model with fixed sampling options.

    Args:
        model: The model to score.
        sampler: As in `UnifiedModel.generate`.
        guidance: As in `UnifiedModel.generate`.
        best_of: As in `UnifiedModel.generate`.
    """

    def __init__(
        self, model: UnifiedModel, *, sampler: Sampler | None = None, guidance: float = 2.0, best_of: int = 1
    ) -> None:
        self._model, self._sampler = model, sampler
        self._guidance, self._best_of = guidance, best_of

    @property
    def image_size(self) -> int:
        """Side of the model's images in pixels."""
        return self._model.image_size

    def generate(self, prompts: Sequence[str], seeds: Sequence[int]) -> Tensor:
        """Faces from captions, uint8 (B, 3, H, W)."""
        how: dict[str, Any] = {"guidance": self._guidance, "best_of": self._best_of}
        return self._model.generate(prompts, seeds, sampler=self._sampler, **how)

    def caption(self, images: Tensor) -> list[str]:
        """A caption for each image, uint8 (B, 3, H, W)."""
        return self._model.caption(images)

    def ask(self, images: Tensor, questions: Sequence[str], *, max_new: int = 64) -> list[str]:
        """An answer of at most `max_new` tokens to a question about each image, uint8 (B, 3, H, W)."""
        return self._model.ask(images, questions, max_new=max_new)

    def reconstruct(self, images: Tensor) -> Tensor:
        """The tokenizer's reconstruction of each image, uint8 (B, 3, H, W)."""
        return self._model.reconstruct(images)

    def likelihood_bound(self, images: Tensor, prompts: Sequence[str], index: Sequence[int], draws: int) -> Tensor:
        """NELBO of each image given its prompt, in nats per image token: the mean over random times and masks.

        Args:
            images: uint8 (B, 3, H, W).
            prompts: One caption per image.
            index: One number per image, which seeds the image's times and masks.
            draws: Number of random (time, mask) pairs per image.

        Returns:
            float64 (B,).
        """
        import torch

        from unif2ace.diffusion.likelihood import nelbo_corruption, nelbo_per_sample
        from unif2ace.diffusion.noise import SampleNoise, Stream
        from unif2ace.types import Logits

        model, net = self._model, self._model.net
        codes_BN, sample_B = model.encode(images), torch.arange(len(images), device=model.device)
        count, number = codes_BN.shape
        bounds = []
        with torch.inference_mode():
            for draw in range(draws):
                place = torch.tensor(index, device=model.device) * draws + draw
                noise = SampleNoise.draw(0, Stream.NELBO, place, number)
                masked = nelbo_corruption(sample_B, codes_BN, noise, net.vocabulary.codebook_size)
                sequence = model.layout.text_to_image(*model.ids(prompts, by_words=False), masked.xt, masked.x0)
                hidden_BLD = net(sequence, {}).values
                assert sequence.image_start is not None
                sample, token = (masked.xt != masked.x0).nonzero(as_tuple=True)
                position = sequence.image_start[sample] + token
                (values_PK,) = net.logits_of([(hidden_BLD[sample, position], "codebook")])
                target_P = masked.x0[sample, token]
                logits = Logits(
                    sample=sample,
                    values=values_PK,
                    target=target_P,
                    generation=sample,
                    image_token=token,
                )
                bounds.append(nelbo_per_sample(logits, masked).double())
        assert len(bounds[0]) == count
        return torch.stack(bounds).mean(0).cpu()
