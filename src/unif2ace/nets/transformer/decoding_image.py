"""Image generation with the unified network: the denoiser that a sampler calls.

Caption positions never attend to the image, so their keys and values are computed once for all steps. Each step then
computes only the soi, image and eoi tokens, and only the logits of image codes. For comparison, `cache=False`
recomputes whole sequences in each step. `official=True` computes as Show-o's published code does: fixed padding, and
logits of all ids at all positions.

Shapes: B samples, T text ids, N image tokens, K codes, R computed sequences (2 B with guidance, else B), L positions, D
width.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from unif2ace.diffusion.guidance import Convention, guide, towards
from unif2ace.nets.transformer.cache import Cache
from unif2ace.nets.transformer.unified import UnifiedNet
from unif2ace.sequence.sequence_layout import SequenceLayout, cut
from unif2ace.types import TokenSequence


class ImageDenoiser:
    """Maps codes (B, N) to logits of the clean codes (B, N, K), given captions; the `Denoise` function of a sampler.

    With guidance each sample is computed with and without its caption; see `unif2ace.diffusion.guidance`. The two
    hidden states are combined before the head, which is linear, so the head runs only once (except with `official`).

    Args:
        net: The network in evaluation mode.
        layout: Layout of the network's sequences.
        prompt_BT: int64 (B, T), captions.
        length_B: int64 (B,), number of ids of each caption.
        guidance: Guidance weight, in the given `convention`.
        convention: How the guidance weight is defined, see `guide`; with ``showo``, weight 0 means no guidance.
        only_masked: Whether to compute logits at masked tokens only and return 0 elsewhere; for samplers that never
            read logits of unmasked tokens.
        cache: Whether to cache the captions' keys and values.
        official: Whether to compute as Show-o's code does, without a cache.

    Raises:
        ConfigError: If the convention is unknown.
    """

    def __init__(
        self,
        net: UnifiedNet,
        layout: SequenceLayout,
        prompt_BT: Tensor,
        length_B: Tensor,
        guidance: float = 0.0,
        convention: Convention = "showo",
        only_masked: bool = False,
        cache: bool = True,
        official: bool = False,
    ) -> None:
        self.net, self.only_masked, self.official = net, only_masked, official
        self.guidance, self.convention = guidance, convention
        self._guides = towards(guidance, convention) != 1
        self._mask = net.vocabulary.codebook_size
        self._template = self._rows(layout, prompt_BT, length_B)
        self._soi = self._template.ids.shape[1] - net.num_image_tokens - 2
        self._cache: Cache | None = None
        if cache and not official:
            self._read_captions()

    def _rows(self, layout: SequenceLayout, prompt_BT: Tensor, length_B: Tensor) -> TokenSequence:
        """Fully masked sequences with captions; with guidance, followed by those without."""
        if not self.official:  # padding only changes the cost
            v, most = layout.vocabulary, layout.max_text
            layout = SequenceLayout(v, most, False, layout.separator, layout.prompt_targets)
        if self._guides:
            prompt_BT = torch.cat([prompt_BT, prompt_BT])
            length_B = torch.cat([length_B, torch.zeros_like(length_B)])
        masked_RN = torch.full((len(prompt_BT), self.net.num_image_tokens), self._mask, device=prompt_BT.device)
        return replace(layout.text_to_image(prompt_BT, length_B, masked_RN, masked_RN), target=None)

    @torch.no_grad()
    def _read_captions(self) -> None:
        self._cache = Cache(self._template.ids.shape[1])
        self.net(cut(self._template, 0, self._soi), cache=self._cache)
        self._template = cut(self._template, self._soi)

    @torch.no_grad()
    def __call__(self, x_BN: Tensor, t_B: Tensor) -> Tensor:
        """Logits of the clean codes, float32 (B, N, K).

        Args:
            x_BN: int64 (B, N), codes in [0, K], where K is the mask.
            t_B: float (B,), diffusion times; not used by the network.
        """
        hidden_RLD = self._hidden(x_BN)
        if self.official:
            return self._guided(self._full_logits(hidden_RLD))
        hidden_BND = self._guided(hidden_RLD[:, -1 - x_BN.shape[1] : -1])
        if not self.only_masked:
            return self.net.logits(hidden_BND.flatten(0, 1), "codebook").view(*x_BN.shape, -1)
        masked_BN = x_BN == self._mask
        logits_PK = self.net.logits(hidden_BND[masked_BN], "codebook")
        logits_BNK = logits_PK.new_zeros(*x_BN.shape, self._mask)
        logits_BNK[masked_BN] = logits_PK
        return logits_BNK

    def _hidden(self, x_BN: Tensor) -> Tensor:
        visible_B = (x_BN != self._mask).float().mean(1)
        if self._guides:
            x_BN, visible_B = torch.cat([x_BN, x_BN]), torch.cat([visible_B, visible_B])
        before = self._template.ids[:, : -1 - x_BN.shape[1]]
        ids = torch.cat([before, x_BN + self.net.vocabulary.image_offset, self._template.ids[:, -1:]], 1)
        hidden: Tensor = self.net(replace(self._template, ids=ids, visible=visible_B), cache=self._cache).values
        if self._cache is not None:
            self._cache.truncate(self._soi)
        return hidden

    def _full_logits(self, hidden_RLD: Tensor) -> Tensor:
        """Logits (R, N, K) of the codes at the image, selected from those of all ids at all positions."""
        v, number = self.net.vocabulary, self.net.num_image_tokens
        logits_RLV = self.net.logits(hidden_RLD.flatten(0, 1), "full").view(*hidden_RLD.shape[:2], -1)
        return logits_RLV[:, -1 - number : -1, v.image_offset : v.mask_id]

    def _guided(self, values_R: Tensor) -> Tensor:
        if not self._guides:
            return values_R
        conditional, unconditional = values_R.tensor_split(2)
        return guide(conditional, unconditional, self.guidance, self.convention)
