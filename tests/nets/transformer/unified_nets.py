"""Small networks of every kind of block and experts, and sequences for them."""

from __future__ import annotations

import torch

from unif2ace.nets.moe.dense import DenseMoE
from unif2ace.nets.moe.feed_forwards.swiglu import SwiGLUFeedForward
from unif2ace.nets.moe.grouped import GroupedMoE
from unif2ace.nets.moe.sequence import SequenceMoE
from unif2ace.nets.moe.token import TokenMoE
from unif2ace.nets.transformer.blocks.parallel import ParallelBlock
from unif2ace.nets.transformer.blocks.sequential import SequentialBlock
from unif2ace.nets.transformer.grounding import WordGrounding
from unif2ace.nets.transformer.norms.rms_norm import RMSNorm
from unif2ace.nets.transformer.unified import UnifiedNet
from unif2ace.sequence.sequence_layout import SequenceLayout
from unif2ace.types import Condition

BLOCKS = {"parallel": ParallelBlock, "sequential": SequentialBlock}
MOES = {
    "dense": lambda **o: DenseMoE(48, **o),
    "token": lambda **o: TokenMoE(num_experts=6, top_k=2, expert_ffn_dim=8, shared_ffn_dim=48, **o),
    "sequence": lambda **o: SequenceMoE(48, **o),
    "grouped": lambda **o: GroupedMoE(num_experts=6, top_k=2, expert_ffn_dim=8, shared_ffn_dim=48, shared="tied", **o),
}
QWEN2 = {"norm": RMSNorm, "num_kv_heads": 2, "rotary_fraction": 1.0, "qk_norm": False, "out_bias": False}
QWEN2 |= {"head_bias": False}
"""Layers of Qwen2, with sequential blocks and `SwiGLUFeedForward`."""
TEXT, CODES, IMAGE, FACE = 40, 13, 9, 5


def small(block="parallel", moe="grouped", seed=0, **options):
    """A float64 network whose parts all matter: nothing is near 0. With sequential blocks it has our parts too.

    `block` may also be ``qwen2``: the layers of that model.
    """
    torch.manual_seed(seed)
    sizes = {"dim": 32, "depth": 2, "heads": 4, "visual_dims": {"face": FACE}} | options
    ours = {"code_feature_dim": 3, "image_pos_embed": True, "early_fusion": True}
    ours |= {"grounded_words": True, "grounding_dim": 3}
    ours = ours if block == "sequential" else {}
    if block == "qwen2":
        block, made, ours = "sequential", MOES[moe](feed_forward=SwiGLUFeedForward), QWEN2
    else:
        made = MOES[moe]()
    net = UnifiedNet(TEXT, CODES, 38, 39, IMAGE, BLOCKS[block], made, **(ours | sizes))
    with torch.no_grad():
        if net.code_embedding:
            net.code_features.normal_()
        if isinstance(net.grounding, WordGrounding):
            net.grounding.axes.normal_()
        for parameter in net.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.2)
    return net.double()


def rows(net, count=3, seed=0, **options):
    """Sequences of both tasks, and features of their pictures: T2I, MMU, {name: Condition}."""
    g = torch.Generator().manual_seed(seed)

    def draw(high, *shape):
        return torch.randint(0, high, shape, generator=g)

    layout = SequenceLayout(net.vocabulary, 16, **options)
    x0 = draw(CODES, count, IMAGE)
    xt = torch.where(torch.rand(count, IMAGE, generator=g) < torch.linspace(0.2, 1, count)[:, None], CODES, x0)
    above = layout.text_to_image(draw(38, count, 8), torch.arange(count) * 3 % 8, xt, x0)
    texts = draw(38, count, 6), torch.arange(count) * 2 % 7, draw(38, count, 5), 1 + torch.arange(count) * 2 % 5
    below = layout.understanding(x0, *texts)
    values = torch.randn(count, 2, FACE, generator=g, dtype=torch.float64)
    return above, below, {"face": Condition(values, torch.arange(count) % 2 == 0)}
