"""A mixture that starts from a dense network computes what it did, and learns."""

from __future__ import annotations

import pytest
import torch
from showo_fixture import official_weights, tiny_showo
from unified_nets import rows, small

from unif2ace.errors import ConfigError
from unif2ace.nets.moe.grouped import GroupedMoE
from unif2ace.nets.transformer.blocks.parallel import ParallelBlock
from unif2ace.nets.transformer.showo import from_showo, sizes_of
from unif2ace.nets.transformer.unified import UnifiedNet
from unif2ace.nets.transformer.upcycle import upcycle_
from unif2ace.sequence.sequence_layout import SequenceLayout


@pytest.mark.parametrize("moe", ["dense", "token", "sequence", "grouped"])
@pytest.mark.parametrize("block", ["parallel", "qwen2"])
def test_logits_stay_those_of_the_dense_network(block, moe):
    dense, net = small(block, "dense"), small(block, moe, seed=1)
    upcycle_(net, dense.state_dict())
    for sequence, conditions in zip(rows(net)[:2], (None, rows(net)[2]), strict=True):
        given = conditions if moe in ("sequence", "grouped") else None
        wanted = dense.logits(dense(sequence).values[sequence.real], "full")
        found = net.logits(net(sequence, given).values[sequence.real], "full")
        torch.testing.assert_close(found, wanted, atol=1e-10, rtol=1e-9)


def test_a_showo_becomes_a_mixture_and_each_new_branch_learns():
    weights, notes = official_weights()
    dense, sizes = tiny_showo(), sizes_of(weights)
    codes = notes["vocab"]["codebook_size"]
    widths = {"expert_ffn_dim": 16, "shared_ffn_dim": sizes.hidden}
    moe = GroupedMoE(num_experts=4, top_k=2, **widths, shared="tied", residual_scale_init=0)
    numbers = {"dim": sizes.dim, "depth": sizes.depth, "heads": sizes.heads}
    net = UnifiedNet(sizes.text_size(codes), codes, 110, 110, 16, ParallelBlock, moe, **numbers)
    upcycle_(net, from_showo(weights))
    layout, code = SequenceLayout(net.vocabulary, 12), torch.randint(0, 64, (2, 16))
    sequence = layout.text_to_image(torch.randint(0, 100, (2, 5)), torch.tensor([5, 2]), code, code)
    logits = net.logits(net(sequence).values.flatten(0, 1), "full")
    wanted = dense.logits(dense(sequence).values.flatten(0, 1), "full")
    real = sequence.real.flatten()
    torch.testing.assert_close(logits[real], wanted[real], atol=1e-5, rtol=0)
    logits[real].sin().sum().backward()
    for block in net.blocks:
        assert block.token_moe.routed.weight_out.grad.abs().max() > 0
        assert block.sequence_moe.scale.grad.abs().max() > 0


def test_other_blocks_and_sizes_are_refused():
    dense = small(moe="dense").state_dict()
    with pytest.raises(ConfigError, match="parallel"):
        upcycle_(small("sequential"), dense)
    with pytest.raises(ConfigError, match="differ"):
        upcycle_(small(depth=3), dense)
    with pytest.raises(ConfigError, match="differ"):
        upcycle_(small(dim=16), dense)
