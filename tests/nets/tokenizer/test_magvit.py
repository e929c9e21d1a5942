"""The MAGVIT-v2 network against the published one's numbers, and what it promises for any quantizer."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

from unif2ace.errors import ConfigError, DataError
from unif2ace.nets.quantizers.base import Quantizer
from unif2ace.nets.quantizers.lfq import LFQ
from unif2ace.nets.tokenizer.magvit import MagvitNet

GOLDEN = Path(__file__).parents[4] / "shared" / "fixtures" / "showo"
CONFIG = Path(__file__).parents[3] / "configs" / "net" / "magvit.yaml"
golden = pytest.mark.skipif(not GOLDEN.is_dir(), reason=f"no golden tensors at {GOLDEN}")


class Signs(LFQ):
    """Another quantizer: it has a weight that no published file has."""

    def __init__(self, num_bits: int = 13) -> None:
        super().__init__(num_bits)
        self.scale = torch.nn.Parameter(torch.ones(()))


def small(quantizer: Quantizer | None = None, **changes: object) -> MagvitNet:
    """Three levels, one block each."""
    torch.manual_seed(0)
    options = {"channels": 32, "encoder_multipliers": (1, 1, 2), "decoder_multipliers": (1, 2, 1)}
    blocks = {"encoder_blocks": (1, 2, 1), "decoder_blocks": (2, 1, 1)}
    return MagvitNet(lambda: quantizer or Signs(5), **(options | blocks | changes))


@pytest.fixture(scope="module")
def tensors() -> dict[str, Tensor]:
    return load_file(GOLDEN / "tiny_magvit.safetensors")


@pytest.fixture(scope="module")
def facts() -> dict:
    return json.loads((GOLDEN / "tiny_magvit.json").read_text())


def published(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix("weights."): t for name, t in tensors.items() if name.startswith("weights.")}


@pytest.fixture
def tiny(tensors: dict[str, Tensor], facts: dict) -> MagvitNet:
    encoder, decoder = facts["encoder"], facts["decoder"]
    net = MagvitNet(
        LFQ,
        encoder["ch"],
        encoder["ch_mult"],
        decoder["ch_mult"],
        encoder["num_res_blocks"],
        decoder["num_res_blocks"],
    )
    net.load_official(published(tensors))
    return net


def near(value: Tensor, expected: Tensor, atol: float = 1e-4) -> None:
    torch.testing.assert_close(value, expected, atol=atol, rtol=0)


@golden
@pytest.mark.parametrize("case", ["case0", "case1"], ids=["square", "not square"])
@torch.no_grad()
def test_vectors_ids_and_pixels_are_the_published_ones(tiny: MagvitNet, tensors: dict[str, Tensor], case: str):
    of = {name.removeprefix(f"{case}."): tensor for name, tensor in tensors.items() if name.startswith(case)}
    reconstruction, quantized = tiny(of["image"])
    near(quantized.z, of["encoder_out"])
    near(quantized.straight_through, of["quantized"])
    near(reconstruction, of["decoded"])
    assert torch.equal(quantized.ids.flatten(1), of["indices"])
    cells = of["encoder_out"].shape[-2:]
    near(tiny.decoder(tiny.quantizer.decode_ids(of["random_indices"].view(-1, *cells))), of["random_decoded"])
    pixels = tiny.decode(of["indices"], shape=tuple(cells))
    near(pixels.float(), (of["decoded"].clamp(-1, 1) + 1) * 127.5, atol=0.51)


def entropy(p: Tensor) -> Tensor:
    return -(p * p.log() + (1 - p) * (1 - p).log())


def official_loss(net: MagvitNet, image: Tensor) -> Tensor:
    """Squared error, commitment in both directions through the straight-through codes, entropy of bits."""
    decoded, quantized = net(image)
    z, codes, p = quantized.z, quantized.straight_through, torch.sigmoid(4 * quantized.z)
    commitment = (codes.detach() - z).square().mean() + 0.25 * (codes - z.detach()).square().mean()
    entropies = entropy(p).mean() - entropy(p.mean((0, 2, 3))).mean()
    return (decoded - image.detach()).square().mean() + 0.1 * commitment + 0.1 * entropies


@golden
@pytest.mark.parametrize("again", [False, True], ids=["kept", "gradient checkpointing"])
def test_gradients_are_the_published_ones(tiny: MagvitNet, tensors: dict[str, Tensor], facts: dict, again: bool):
    for level in (*tiny.encoder.down, *tiny.decoder.up):
        assert isinstance(level.gradient_checkpointing, bool)
        level.gradient_checkpointing = again
    image = tensors["case0.image"].clone().requires_grad_()
    loss = official_loss(tiny.train(), image)
    loss.backward()
    near(loss.detach().view(1), tensors["train.loss"], atol=1e-5)
    near(image.grad, tensors["train.image_grad"], atol=1e-6)
    norms = {name: float(p.grad.norm()) for name, p in tiny.named_parameters()}
    assert norms == pytest.approx(facts["grad_norms"], rel=1e-3, abs=1e-6)


@golden
@pytest.mark.parametrize("from_file", [False, True], ids=["class", "yaml"])
def test_defaults_are_the_published_network(from_file: bool):
    given = yaml.safe_load(CONFIG.read_text()) if from_file else {}
    options = {name: value for name, value in given.items() if name not in ("_target_", "_partial_", "quantizer")}
    with torch.device("meta"):
        net = MagvitNet(LFQ, **options)
    keys = json.loads((GOLDEN / "state_dict_keys.json").read_text())["magvitv2"]
    weights = {name: list(tensor.shape) for name, tensor in net.state_dict().items()}
    assert weights == {name: shape for name, shape in keys.items() if not name.startswith("quantize.")}
    assert sum(p.numel() for p in net.parameters()) == 95_387_004
    assert net.factor == 16
    assert net.last_layer is net.decoder.conv_out.weight


def recipe(net: MagvitNet, salt: str, shift: Tensor) -> dict[str, Tensor]:
    """The weights that the fixture describes instead of storing them."""
    weights: dict[str, Tensor] = {}
    for name, tensor in net.state_dict().items():
        draw = np.random.RandomState(zlib.crc32(f"{salt}:{name}".encode())).standard_normal(tensor.numel())
        x = torch.from_numpy(draw.astype(np.float32)).view(tensor.shape)
        if "norm" in name:
            x = 0.1 * x + (1 if name.endswith("weight") else 0)
        else:
            x = 0.05 * x if name.endswith("bias") else x / tensor.shape[1:].numel() ** 0.5
        weights[name] = x
    weights["encoder.quant_conv.bias"] -= shift
    return weights


@golden
@pytest.mark.slow
@torch.no_grad()
def test_the_full_size_is_the_published_one():
    of = load_file(GOLDEN / "full_magvit_recipe.safetensors")
    salt = json.loads((GOLDEN / "full_magvit_recipe.json").read_text())["salt"]
    net = MagvitNet(LFQ).eval()
    net.load_official(recipe(net, salt, of["quant_conv_bias_shift"]))
    quantized = net.quantizer(net.encoder(of["image"].float()))
    near(quantized.z, of["encoder_out"], atol=2e-4)
    clear = (of["encoder_out"].abs() > 1e-3).all(1).flatten(1)
    assert clear.sum() > 200
    assert torch.equal(quantized.ids.flatten(1)[clear], of["indices"][clear])
    decoded = net.decoder(net.quantizer.decode_ids(of["indices"].view(1, 16, 16)))
    near(functional.avg_pool2d(decoded, 8), of["decoded_8x8_mean"])
    near(decoded[..., :32, :32], of["decoded_corner_32"], atol=2e-4)
    near(torch.stack([decoded.mean(), decoded.std()]), of["decoded_mean_std"])


def official_names(net: MagvitNet) -> dict[str, Tensor]:
    weights = {name: torch.randn_like(t) for name, t in net.state_dict().items() if not name.startswith("quantizer.")}
    ids = torch.arange(net.quantizer.num_codes)
    table = net.quantizer.decode_ids(ids.view(1, 1, -1))[0, :, 0].T
    values = 2 ** torch.arange(net.quantizer.dim - 1, -1, -1)
    return weights | {"quantize.embedding": table, "quantize.power_vals": values}


@pytest.mark.parametrize("buffers", [True, False])
def test_published_weights_load_in_half_precision_and_leave_the_quantizer(buffers: bool):
    net = small()
    weights = {k: v for k, v in official_names(net).items() if buffers or not k.startswith("quantize.")}
    net.load_official({name: tensor.half() for name, tensor in weights.items()})
    state = net.state_dict()
    assert {t.dtype for t in state.values()} == {torch.float32}
    assert state["quantizer.scale"] == 1
    assert all(torch.equal(state[n], t.half().float()) for n, t in weights.items() if not n.startswith("quantize."))


def _renamed(weights: dict[str, Tensor]) -> None:
    weights["encoder.conv_inn.weight"] = weights.pop("encoder.conv_in.weight")


def _missing(weights: dict[str, Tensor]) -> None:
    del weights["decoder.conv_out.bias"], weights["decoder.norm_out.bias"]


def _more(weights: dict[str, Tensor]) -> None:
    weights["quantize.other"] = torch.zeros(())


def _wider(weights: dict[str, Tensor]) -> None:
    weights["decoder.conv_out.bias"] = torch.zeros(4)


def _fewer_bits(weights: dict[str, Tensor]) -> None:
    weights["quantize.power_vals"] = weights["quantize.power_vals"][1:]


def _other_order(weights: dict[str, Tensor]) -> None:
    weights["quantize.embedding"] = weights["quantize.embedding"].flip(1)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_renamed, r"1 tensors .* missing in the file, such as 'encoder.conv_in.weight'.*did you mean 'encoder.conv"),
        (_missing, r"2 tensors of the network are missing in the file, such as 'decoder.conv_out.bias'; give"),
        (_more, r"1 tensors of the file are unknown, such as 'quantize.other'"),
        (_wider, r"decoder.conv_out.bias has shape \[4\], but this network's has \[3\]"),
        (_fewer_bits, r"quantize.power_vals has 4 bits, but the quantizer has 32 codes of 5"),
        (_other_order, r"quantize.embedding differs"),
    ],
)
def test_other_weights_are_refused_by_name_and_change_nothing(spoil, message: str):
    net = small()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    weights = official_names(net)
    spoil(weights)
    with pytest.raises(DataError, match=message):
        net.load_official(weights)
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"encoder_blocks": (1, 1)}, "but have 3, 3, 2, 3"),
        ({"decoder_multipliers": (1,)}, "but have 3, 1, 3, 3"),
        ({"channels": 48}, "times a multiplier is 48"),
    ],
)
def test_a_wrong_shape_is_refused(changes: dict, message: str):
    with pytest.raises(ConfigError, match=message):
        small(**changes)


@pytest.mark.parametrize("dim", [1, 5, 16])
def test_any_quantizer_and_any_sides_that_are_multiples(dim: int):
    net = small(Signs(dim)).eval()
    assert net.factor == 4
    image = torch.randint(0, 256, (2, 3, 8, 20), dtype=torch.uint8)
    ids = net.encode(image)
    assert ids.shape == (2, 10)
    assert net.decode(ids, shape=(2, 5)).shape == image.shape
    with pytest.raises(ConfigError, match="multiples of 4"):
        net.encode(image[..., :18])


def test_one_level_keeps_the_size():
    net = small(encoder_multipliers=[1], decoder_multipliers=[1], encoder_blocks=[1], decoder_blocks=[1])
    assert net.factor == 1
    assert net(torch.zeros(1, 3, 6, 6))[1].ids.shape == (1, 6, 6)


def test_channels_last_and_bfloat16_give_nearly_the_same():
    net, plain = small().to(memory_format=torch.channels_last), small()
    image = torch.rand(2, 3, 32, 32) * 2 - 1
    z = plain.encoder(image)
    codes = plain.quantizer(z).codes
    pixels = plain.decoder(codes)
    near(net.encoder(image.contiguous(memory_format=torch.channels_last)), z, atol=1e-5)
    with torch.autocast("cpu", torch.bfloat16):
        rough_z, rough_pixels = net.encoder(image).float(), net.decoder(codes).float()
    assert 0 < functional.mse_loss(rough_z, z) < 1e-3 * z.var()
    assert 0 < functional.mse_loss(rough_pixels, pixels) < 1e-3 * pixels.var()


def saved_bytes(net: MagvitNet, image: Tensor) -> int:
    """Size of what the forward pass keeps for the backward pass, each storage once."""
    kept: dict[int, Tensor] = {}
    own = {p.untyped_storage().data_ptr() for p in net.parameters()}

    def keep(tensor: Tensor) -> Tensor:
        if (place := tensor.untyped_storage().data_ptr()) not in own:
            kept[place] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
        net(image)
    return sum(t.untyped_storage().nbytes() for t in kept.values())


def test_gradient_checkpointing_keeps_less():
    image = torch.rand(1, 3, 64, 64)
    sizes = [saved_bytes(small(gradient_checkpointing=again).train(), image) for again in (False, True)]
    assert sizes[1] < 0.5 * sizes[0]


@pytest.mark.slow
def test_compiled_it_computes_the_same():
    levels = dict.fromkeys(("encoder_multipliers", "decoder_multipliers", "encoder_blocks", "decoder_blocks"), (1, 1))
    net = small(gradient_checkpointing=True, **levels).to(memory_format=torch.channels_last).train()
    image = torch.rand(2, 3, 16, 16).contiguous(memory_format=torch.channels_last)
    gradients = []
    for forward in (net, torch.compile(net, backend="aot_eager")):
        pixels, quantized = forward(image, logits=True)
        (pixels.square().mean() + quantized.logits.square().mean()).backward()
        gradients.append(net.encoder.conv_in.weight.grad.clone())
        net.zero_grad()
    assert gradients[0].abs().max() > 0
    near(gradients[1], gradients[0], atol=1e-6)
