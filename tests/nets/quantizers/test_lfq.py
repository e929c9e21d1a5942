"""Signs as codes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from unif2ace.errors import ConfigError
from unif2ace.nets.quantizers.lfq import LFQ

GOLDEN = Path(__file__).parents[3] / "../shared/fixtures/showo/tiny_magvit.safetensors"


def test_channel_0_is_the_most_significant_bit_and_zero_is_off():
    z = torch.tensor([[0.3, -2.0, 1e-9], [0.0, 0.0, 0.1], [-0.0, 5.0, 0.0]])[:, :, None, None]
    out = LFQ(3)(z)
    assert out.ids.flatten().tolist() == [0b101, 0b001, 0b010]
    assert out.codes[0].flatten().tolist() == [1, -1, 1]
    assert out.codes[1].flatten().tolist() == [-1, -1, 1]


@pytest.mark.parametrize("num_bits", [1, 7, 13])
def test_every_id_survives_the_round_trip(num_bits: int):
    quantizer = LFQ(num_bits)
    ids = torch.arange(2**num_bits).view(1, 1, -1)
    assert torch.equal(quantizer(quantizer.decode_ids(ids) * 0.01).ids, ids)


def test_many_bits_fit():
    quantizer = LFQ(62)
    ids = torch.tensor([[[0, 1, 2**62 - 1, 2**61 + 5]]])
    assert torch.equal(quantizer(quantizer.decode_ids(ids)).ids, ids)
    with pytest.raises(ConfigError, match="num_bits=63"):
        LFQ(63)


def test_logits_are_those_of_the_squared_distance():
    z = torch.randn(2, 5, 3, 4, dtype=torch.float64)
    p = LFQ(5)(z, logits=True).logits.softmax(-1)
    torch.testing.assert_close(p[..., 1], torch.sigmoid(4 * z).permute(0, 2, 3, 1))
    distances = torch.stack([(z + 1).square(), (z - 1).square()], dim=-1)
    torch.testing.assert_close(p, (-distances).softmax(-1).permute(0, 2, 3, 1, 4))


@pytest.mark.skipif(not GOLDEN.exists(), reason=f"needs the golden tensors of Show-o at {GOLDEN}")
@pytest.mark.parametrize("case", ["case0", "case1"])
def test_codes_and_ids_are_those_of_show_o(case: str):
    golden = load_file(GOLDEN)
    out = LFQ(13)(golden[f"{case}.encoder_out"])
    assert torch.equal(out.ids.flatten(1), golden[f"{case}.indices"])
    torch.testing.assert_close(out.straight_through, golden[f"{case}.quantized"], atol=1e-6, rtol=0)
