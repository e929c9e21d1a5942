"""Small networks whose logits differ much, with plain layers in place of experts, and rows for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from unif2ace.nets.moe.base import MoEFactory, SequenceLayer, TokenLayer
from unif2ace.nets.transformer.blocks.parallel import ParallelBlock
from unif2ace.nets.transformer.unified import UnifiedNet
from unif2ace.sequence.sequence_layout import SequenceLayout, align_right
from unif2ace.types import Condition, RouterStats, SequenceParts, Task, TokenSequence

TEXT, CODES, IMAGE = 23, 7, 9
BOS, EOS = 20, 21
FACE = 5


class PlainToken(TokenLayer):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(dim, 2 * dim), nn.Linear(2 * dim, dim)

    def forward(self, x_TD: Tensor, sequences: SequenceParts) -> tuple[Tensor, RouterStats | None]:
        return self.down(self.up(x_TD).tanh()), None


class PlainSequence(SequenceLayer):
    """Adds to the image tokens what the mean of the image and the task's conditions say."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.mean = nn.Linear(dim, dim)

    def forward(
        self, x_TD: Tensor, sequences: SequenceParts, conditions: Mapping[str, Condition]
    ) -> tuple[Tensor, RouterStats | None]:
        images = sequences.images
        if images is None:
            return torch.zeros_like(x_TD), None
        image_RND = x_TD[images.token]
        added_RND = self.mean(image_RND.mean(1, keepdim=True)).expand_as(image_RND)
        generates_R11 = (images.task == Task.TEXT_TO_IMAGE)[:, None, None]
        for name, condition in conditions.items():
            added_RND = added_RND + condition.values * (generates_R11 == (name == "noise"))
        return torch.zeros_like(x_TD).index_put((images.token,), added_RND), None


class PlainMoE(MoEFactory):
    def token_layer(self, dim: int) -> TokenLayer:
        return PlainToken(dim)

    def sequence_layer(self, dim: int, conditions: Sequence[str]) -> SequenceLayer:
        return PlainSequence(dim)


def small_net(seed: int = 2, text_size: int = TEXT, dim: int = 16) -> UnifiedNet:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = UnifiedNet(
            text_size=text_size,
            codebook_size=CODES,
            bos_id=text_size - 3,
            eos_id=text_size - 2,
            num_image_tokens=IMAGE,
            block=ParallelBlock,
            moe=PlainMoE(),
            dim=dim,
            depth=2,
            heads=2,
            visual_dims={"face": FACE},
            code_feature_dim=3,
            image_pos_embed=True,
        )
        with torch.no_grad():
            net.code_features.copy_(torch.randn(CODES, 3))
            for parameter in net.parameters():
                parameter.add_(torch.randn_like(parameter), alpha=0.3)
    return net.double().eval()


def small_layout(net: UnifiedNet, max_text: int = 16) -> SequenceLayout:
    return SequenceLayout(net.vocabulary, max_text)


def random_prefix(net: UnifiedNet, lengths: Sequence[int], seed: int = 0) -> tuple[TokenSequence, dict[str, Condition]]:
    """MMU rows with questions of these lengths, and their conditions, of which the second is missing."""
    g = torch.Generator().manual_seed(seed)
    rows = len(lengths)
    codes = torch.randint(CODES, (rows, IMAGE), generator=g)
    prompt = torch.randint(net.vocabulary.bos_id, (rows, max(lengths)), generator=g)
    prefix = small_layout(net).understanding(codes, prompt, torch.tensor(lengths))
    values = torch.randn(rows, 2, FACE, generator=g, dtype=torch.float64)
    face = Condition(values, torch.arange(rows) != 1)
    return align_right(prefix, net.vocabulary), {"face": face}


def rows_of(sequence: TokenSequence, conditions: Mapping[str, Condition], row: int) -> tuple[TokenSequence, dict]:
    """One row of a prefix alone, without its padding."""
    from dataclasses import replace

    empty = int((~sequence.real[row]).sum())
    own = slice(row, row + 1)
    alone = replace(
        sequence,
        ids=sequence.ids[own, empty:],
        role=sequence.role[own, empty:],
        task=sequence.task[own],
        position=sequence.position[own, : sequence.ids.shape[1] - empty],
        attention=sequence.attention[own, :, empty:, empty:],
        image_start=sequence.image_start[own] - empty,
        visible=sequence.visible[own],
    )
    return alone, {n: Condition(c.values[own], c.present[own]) for n, c in conditions.items()}
