"""Pictures from the unified network: what a sampler calls to learn the logits of the codes.

The caption's columns never look at the picture, so their keys and values are computed once for all steps; a step then
computes only soi, image and eoi, and only the logits of the codebook. `cache=False` computes whole rows at each step
instead, and `official=True` as Show-o's published code does: fixed padding, and logits of all ids at all columns. Both
are there to compare with.

Letters: B rows, T text ids, N image tokens, K codes, R rows that are computed (twice B with guidance), D width.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from unif2ace.diffusion.guidance import Convention, guide, towards
from unif2ace.nets.unified.cache import Cache
from unif2ace.nets.unified.net import UnifiedNet
from unif2ace.sequence.sequence_layout import SequenceLayout, cut
from unif2ace.types import TokenSequence


class ImageDenoiser:
    """Logits of the clean codes given captions; a `unif2ace.diffusion.samplers.base.Denoise`.

    With guidance each row is computed with its caption and without; see `unif2ace.diffusion.guidance`. The two are
    joined before the head, which is linear, so its work is done once (not so with `official`).

    Args:
        net: In evaluation mode.
        layout: Of its rows.
        prompt_BT: int64, captions.
        length_B: int64, their numbers of ids.
        guidance: How strong it is.
        convention: How that is counted; as Show-o does, 0 is off.
        only_masked: Whether to give logits at masked tokens only, and 0 elsewhere: enough for samplers that never ask
            about a known token.
        cache: Whether to keep the captions' keys and values.
        official: Whether to compute as Show-o's code does; it takes no cache.

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
        """The rows with captions, and with guidance those without, all masked."""
        if not self.official:  # padding changes nothing but the work
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
            x_BN: int64, codes in [0, K], K for masked.
            t_B: Times; the network does not look at them.
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
        """Of all ids at all columns, of which only those of codes at the image are kept."""
        v, number = self.net.vocabulary, self.net.num_image_tokens
        logits_RLV = self.net.logits(hidden_RLD.flatten(0, 1), "full").view(*hidden_RLD.shape[:2], -1)
        return logits_RLV[:, -1 - number : -1, v.image_offset : v.mask_id]

    def _guided(self, values_R: Tensor) -> Tensor:
        if not self._guides:
            return values_R
        conditional, unconditional = values_R.tensor_split(2)
        return guide(conditional, unconditional, self.guidance, self.convention)
