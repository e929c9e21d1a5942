"""Generates faces from captions and answers questions about faces: the network with its tokenizer and encoders.

Shapes: B samples, T text ids, N image tokens, K codes, H and W pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from unif2ace.diffusion.samplers.base import PerSampleRNG, Sampler
from unif2ace.errors import ConfigError
from unif2ace.nets.tokenizer.base import TokenizerNet
from unif2ace.nets.transformer.decoding_image import ImageDenoiser
from unif2ace.nets.transformer.decoding_text import GeneratedText, generate_text
from unif2ace.nets.transformer.token_sampling import TokenSampling
from unif2ace.nets.transformer.unified import UnifiedNet
from unif2ace.nets.visual_encoders.base import VisualEncoder
from unif2ace.sequence.sequence_layout import SequenceLayout, align_right
from unif2ace.types import Condition, TokenSequence


@dataclass(frozen=True, slots=True)
class FaceDecoder:
    """Generates faces and answers questions about them; the networks are in evaluation mode.

    Attributes:
        net: The transformer.
        layout: Layout of the transformer's sequences.
        tokenizer: The image tokenizer.
        encoders: Visual encoders, by name; their features are used for questions only.
    """

    net: UnifiedNet
    layout: SequenceLayout
    tokenizer: TokenizerNet
    encoders: Mapping[str, VisualEncoder] = field(default_factory=dict)

    @torch.no_grad()
    def draw(
        self,
        prompt_BT: Tensor,
        length_B: Tensor,
        seeds: Sequence[int],
        sampler: Sampler,
        guidance: float = 2.0,
        start_BN: Tensor | None = None,
    ) -> Tensor:
        """Samples the codes of faces, int64 (B, N).

        Args:
            prompt_BT: int64 (B, T), captions, padded at the end.
            length_B: int64 (B,), number of ids of each caption.
            seeds: One seed per face; a face does not depend on the rest of the batch.
            sampler: The sampler of codes.
            guidance: Weight w of classifier-free guidance, (1 + w) conditional - w unconditional; 0 for none.
            start_BN: int64 (B, N), initial codes. Positions with the mask id K are sampled, all others are kept. None
                samples all positions.

        Raises:
            ConfigError: If a caption is too long.
        """
        self._check_length("caption", length_B)
        device = prompt_BT.device
        if start_BN is None:
            masked = self.net.vocabulary.codebook_size
            start_BN = torch.full((len(prompt_BT), self.net.num_image_tokens), masked, device=device)
        denoise = ImageDenoiser(self.net, self.layout, prompt_BT, length_B, guidance=guidance, only_masked=True)
        return sampler.sample(denoise, start_BN, PerSampleRNG(seeds, device))

    @torch.no_grad()
    def prefix(
        self, codes_BN: Tensor, image: Tensor | None, prompt_BT: Tensor, length_B: Tensor
    ) -> tuple[TokenSequence, dict[str, Condition]]:
        """MMU sequences that end before the answer, and the visual features of their images.

        Args:
            codes_BN: int64 (B, N), codes of the images.
            image: uint8 (B, 3, H, W), the images, or None for no visual features.
            prompt_BT: int64 (B, T), questions, padded at the end.
            length_B: int64 (B,), number of ids of each question.

        Raises:
            ConfigError: If a question is too long.
        """
        self._check_length("question", length_B)
        rows = self.layout.understanding(codes_BN, prompt_BT, length_B)
        said = {} if image is None else {name: encoder(image) for name, encoder in self.encoders.items()}
        return align_right(rows, self.net.vocabulary), said

    def _check_length(self, what: str, length_B: Tensor) -> None:
        """Rejects texts that the layout would truncate."""
        longest, limit = int(length_B.max()), self.layout.max_prompt
        if longest > limit:
            raise ConfigError(
                f"a {what} has {longest} tokens, but this model reads at most {limit}: shorten it, or train with a "
                "larger data.max_text_tokens"
            )

    def answer(
        self,
        codes_BN: Tensor,
        image: Tensor | None,
        prompt_BT: Tensor,
        length_B: Tensor,
        *,
        max_new: int = 64,
        choice: TokenSampling | None = None,
        seeds: Sequence[int] | None = None,
    ) -> GeneratedText:
        """Answers questions about images.

        Args:
            codes_BN: int64 (B, N), codes of the images.
            image: uint8 (B, 3, H, W), the images, or None for no visual features.
            prompt_BT: int64 (B, T), questions, padded at the end.
            length_B: int64 (B,), number of ids of each question.
            max_new: Maximum number of text ids of an answer.
            choice: How the next id is chosen; None for the most likely id.
            seeds: One seed per sample; required unless the choice is greedy.
        """
        rows, said = self.prefix(codes_BN, image, prompt_BT, length_B)
        return generate_text(self.net, rows, said, max_new=max_new, choice=choice, seeds=seeds)
