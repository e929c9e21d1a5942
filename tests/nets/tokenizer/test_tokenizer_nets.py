"""Tokenizer networks with every quantizer: pixels to tokens and back, errors, gradients."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import torch

from unif2ace.engine import compose, instantiate
from unif2ace.errors import ConfigError
from unif2ace.nets.quantizers.vq import VQ
from unif2ace.nets.tokenizer.base import TokenizerNet, from_uint8, to_uint8
from unif2ace.nets.tokenizer.patch import PatchNet

CONFIGS = Path(__file__).parents[3] / "configs"
QUANTIZERS = sorted(p.stem for p in (CONFIGS / "quantizer").glob("*.yaml"))
SMALL = {"patch": ["net.channels=[16,32]"], "magvit": ["net.channels=32"]}
"""Overrides that make a network small."""
NETS = sorted(
    p.stem for p in (CONFIGS / "net").glob("*.yaml") if "unif2ace.nets.tokenizer." in p.read_text(encoding="utf-8")
)


def _made(net: str, quantizer: str) -> TokenizerNet:
    torch.manual_seed(0)
    words = ["module=tokenizer", f"net={net}", f"quantizer={quantizer}", "codebook_size=256", *SMALL.get(net, [])]
    made: TokenizerNet = instantiate(compose("train", words).net)()
    return made


@pytest.mark.parametrize("quantizer", QUANTIZERS)
@pytest.mark.parametrize("net", NETS)
def test_pixels_become_tokens_and_come_back(net: str, quantizer: str):
    made = _made(net, quantizer).train()
    side = 2 * made.factor
    image = torch.randint(0, 256, (2, 3, side, 2 * side), dtype=torch.uint8)
    reconstruction, quantized = made(from_uint8(image))
    assert reconstruction.shape == image.shape
    assert quantized.ids.shape == (2, 2, 4)
    reconstruction.square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in made.encoder.parameters())
    made.eval()
    ids = made.encode(image)
    assert ids.shape == (2, 8)
    assert ids.dtype == torch.int64
    back = made.decode(ids, shape=(2, 4))
    assert back.shape == image.shape
    with torch.no_grad():
        direct = to_uint8(made(from_uint8(image))[0])
    assert (back.int() - direct.int()).abs().max() <= 1


def test_every_tokenizer_network_has_a_small_form_here():
    assert set(NETS) == SMALL.keys()


def test_what_does_not_fit_is_named():
    net = PatchNet(partial(VQ, num_codes=16), channels=(16, 16)).eval()
    assert net.factor == 8
    with pytest.raises(ConfigError, match="60x64 pixels: both sides must be multiples of 8"):
        net.encode(torch.zeros(1, 3, 64, 60, dtype=torch.uint8))
    with pytest.raises(ConfigError, match="5 tokens do not fill 2x2"):
        net.decode(torch.zeros(1, 5, dtype=torch.int64))
    with pytest.raises(ConfigError, match="this tokenizer has ids 0 to 15"):
        net.decode(torch.full((1, 4), 16))
    with pytest.raises(ConfigError, match=r"decoder_blocks=\[1\]"):
        PatchNet(VQ, channels=(16, 16), encoder_blocks=(1, 1), decoder_blocks=(1,))
    with pytest.raises(ConfigError, match="multiple of 16"):
        PatchNet(VQ, channels=(20,), encoder_blocks=(1,), decoder_blocks=(1,))


def test_the_last_layer_is_the_one_that_makes_pixels():
    net = PatchNet(partial(VQ, num_codes=16), patch=2, channels=(16,), encoder_blocks=(1,), decoder_blocks=(1,))
    assert net.last_layer is net.decoder[-2].weight
    assert net.last_layer.shape[0] == 3 * 2**2


def test_pixels_survive_the_way_to_floats_and_back():
    image = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).expand(1, 3, 16, 16)
    assert torch.equal(to_uint8(from_uint8(image)), image)
    assert from_uint8(image).min() == -1
    assert from_uint8(image).max() == 1
