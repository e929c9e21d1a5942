"""Faces from captions and text about faces, in one object: the network with all that stands around it.

Letters: B rows, T text ids, N image tokens, K codes, H and W pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from unif2ace.diffusion.samplers.base import PerSampleRNG, Sampler
from unif2ace.nets.tokenizer.base import TokenizerNet
from unif2ace.nets.unified.decoding_image import ImageDenoiser
from unif2ace.nets.unified.decoding_text import GeneratedText, generate_text
from unif2ace.nets.unified.net import UnifiedNet
from unif2ace.nets.unified.token_choice import TokenChoice
from unif2ace.nets.visual_encoders.base import VisualEncoder
from unif2ace.sequence.sequence_layout import SequenceLayout, align_right
from unif2ace.types import Condition, TokenSequence


@dataclass(frozen=True, slots=True)
class FaceDecoder:
    """Draws faces and answers about them; the networks are in evaluation mode.

    Attributes:
        net: The transformer.
        layout: Of its rows.
        tokenizer: Pictures to codes and back.
        encoders: Tell the transformer more of the pictures that it answers about, by name.
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
        """Codes of faces, int64 (B, N).

        Args:
            prompt_BT: int64, captions, padded at the end.
            length_B: int64, their numbers of ids.
            seeds: One of each face, which does not depend on what else is drawn.
            sampler: How codes are drawn.
            guidance: Weight w of classifier-free guidance, (1 + w) conditional - w unconditional; 0 for none.
            start_BN: int64 codes to keep, K where one is to be drawn; None draws all.
        """
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
        """MMU rows that stop where the answer begins, and what the encoders say of the pictures.

        Args:
            codes_BN: int64, codes of the pictures.
            image: uint8 (B, 3, H, W), the pictures, or None: then the encoders say nothing.
            prompt_BT: int64, questions, padded at the end.
            length_B: int64, their numbers of ids.
        """
        rows = self.layout.understanding(codes_BN, prompt_BT, length_B)
        said = {} if image is None else {name: encoder(image) for name, encoder in self.encoders.items()}
        return align_right(rows, self.net.vocabulary), said

    def answer(
        self,
        codes_BN: Tensor,
        image: Tensor | None,
        prompt_BT: Tensor,
        length_B: Tensor,
        *,
        max_new: int = 64,
        choice: TokenChoice | None = None,
        seeds: Sequence[int] | None = None,
    ) -> GeneratedText:
        """Answers to questions about pictures.

        Args:
            codes_BN: As `prefix` takes it.
            image: Likewise.
            prompt_BT: Likewise.
            length_B: Likewise.
            max_new: Most text ids of an answer.
            choice: How an id is chosen; by default the likeliest.
            seeds: One of each row; needed unless the likeliest is chosen.
        """
        rows, said = self.prefix(codes_BN, image, prompt_BT, length_B)
        return generate_text(self.net, rows, said, max_new=max_new, choice=choice, seeds=seeds)
