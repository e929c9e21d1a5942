"""Extractors with random weights of the official layouts: the same features as the official code, or an error."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from unif2ace.errors import ConfigError
from unif2ace.metrics.extractors.clip import ClipExtractor
from unif2ace.metrics.extractors.dinov2 import DinoV2Extractor
from unif2ace.metrics.extractors.inception import InceptionExtractor

PICTURES = torch.randint(0, 256, (2, 3, 20, 24), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
ALL = (InceptionExtractor, ClipExtractor, DinoV2Extractor)


def _random(shapes: dict[str, tuple[int, ...]]) -> dict[str, Tensor]:
    draw = torch.Generator().manual_seed(0)
    return {name: 0.05 * torch.randn(shape, generator=draw) for name, shape in shapes.items()}


def _norm(name: str, width: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def _linear(name: str, out: int, into: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (out, into), f"{name}.bias": (out,)}


def inception_weights(path: Path) -> nn.Module:
    """Writes random weights of torch-fidelity's layout.

    Returns:
        torch-fidelity's network with these weights.
    """
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    class Unloaded(FeatureExtractorInceptionV3):
        def load_state_dict(self, *_: object) -> None:
            pass

    empty = path.with_suffix(".none")
    torch.save({}, empty)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = Unloaded("inception-v3-compat", ["2048"], feature_extractor_weights_path=str(empty))
    torch.save(net.state_dict(), path)
    return net


def clip_weights(path: Path) -> Path:
    """Random weights of OpenAI's layout, 2 layers of 64, patches of 8 of 16 pixels."""
    shapes = {
        "positional_embedding": (77, 64), "text_projection": (64, 32), "logit_scale": (),
        "visual.class_embedding": (64,),
        "token_embedding.weight": (100, 64), "visual.positional_embedding": (5, 64), "visual.proj": (64, 32),
        "visual.conv1.weight": (64, 3, 8, 8),
        **_norm("visual.ln_pre", 64), **_norm("visual.ln_post", 64), **_norm("ln_final", 64),
    }  # fmt: skip
    for n in range(2):
        block = f"visual.transformer.resblocks.{n}"
        shapes |= {f"{block}.attn.in_proj_weight": (192, 64), f"{block}.attn.in_proj_bias": (192,)}
        shapes |= _linear(f"{block}.attn.out_proj", 64, 64) | _norm(f"{block}.ln_1", 64) | _norm(f"{block}.ln_2", 64)
        shapes |= _linear(f"{block}.mlp.c_fc", 256, 64) | _linear(f"{block}.mlp.c_proj", 64, 256)
    torch.jit.script(_nested(_random(shapes))).save(str(path))
    return path


class _Holder(nn.Module):
    def forward(self) -> int:
        return 0


def _nested(tensors: dict[str, Tensor]) -> nn.Module:
    """A module whose parameters have the names."""
    root = _Holder()
    for name, value in tensors.items():
        *parents, last = name.split(".")
        at: nn.Module = root
        for parent in parents:
            if not hasattr(at, parent):
                at.add_module(parent, _Holder())
            at = getattr(at, parent)
        at.register_parameter(last, nn.Parameter(value, requires_grad=False))
    return root


def dinov2_weights(path: Path, width: int = 64, depth: int = 2) -> Path:
    """Random weights of Meta's layout, 56 pixels in patches of 14."""
    shapes = {"cls_token": (1, 1, width), "pos_embed": (1, 17, width), "mask_token": (1, width)}
    shapes |= {"patch_embed.proj.weight": (width, 3, 14, 14), "patch_embed.proj.bias": (width,), **_norm("norm", width)}
    for n in range(depth):
        block = f"blocks.{n}"
        shapes |= _norm(f"{block}.norm1", width) | _norm(f"{block}.norm2", width)
        shapes |= _linear(f"{block}.attn.qkv", 3 * width, width) | _linear(f"{block}.attn.proj", width, width)
        shapes |= {f"{block}.ls1.gamma": (width,), f"{block}.ls2.gamma": (width,)}
        shapes |= _linear(f"{block}.mlp.fc1", 4 * width, width) | _linear(f"{block}.mlp.fc2", width, 4 * width)
    torch.save(_random(shapes), path)
    return path


def test_inception_is_that_of_torch_fidelity(tmp_path: Path):
    official = inception_weights(tmp_path / "inception.pth")
    state = torch.random.get_rng_state()
    found = InceptionExtractor(tmp_path / "inception.pth")
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.equal(found.pooled(PICTURES[:1]), official(PICTURES[:1])[0])
    assert found.name.startswith("inception-v3-compat-")
    assert found.name.endswith("-299px")


def test_clip_reads_openais_archive(tmp_path: Path):
    found = ClipExtractor(clip_weights(tmp_path / "clip.pt"))
    features = found.pooled(PICTURES)
    assert features.shape == (2, 32)
    assert features.dtype == torch.float32
    assert not torch.allclose(features[0], features[1])
    assert found.name.endswith("-16px")


def test_dinov2_reads_metas_weights(tmp_path: Path):
    file = dinov2_weights(tmp_path / "dino.pth")
    found = DinoV2Extractor(file, input_size=56)
    assert found.name.startswith("dinov2-64x2-")
    weights = torch.load(file)
    with torch.no_grad():
        assert torch.allclose(found.pooled(PICTURES), _dinov2(weights, found, PICTURES), atol=1e-5)
    assert DinoV2Extractor(file, input_size=28).pooled(PICTURES).shape == (2, 64)


def _dinov2(weights: dict[str, Tensor], found: DinoV2Extractor, pictures: Tensor) -> Tensor:
    """The published network, written out for one head of 64."""
    from torch.nn import functional as f

    x = f.interpolate(pictures.float() / 255, (56, 56), mode="bicubic", antialias=True).clamp(0, 1)
    x = (x - found.mean) / found.std
    x = f.conv2d(x, weights["patch_embed.proj.weight"], weights["patch_embed.proj.bias"], stride=14).flatten(2).mT
    x = torch.cat([weights["cls_token"].expand(len(x), -1, -1), x], 1) + weights["pos_embed"]

    def norm(x: Tensor, name: str) -> Tensor:
        return f.layer_norm(x, (64,), weights[f"{name}.weight"], weights[f"{name}.bias"], 1e-6)

    def linear(x: Tensor, name: str) -> Tensor:
        return f.linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"])

    for n in range(2):
        block = f"blocks.{n}"
        q, k, v = linear(norm(x, f"{block}.norm1"), f"{block}.attn.qkv").chunk(3, -1)
        attended = ((q @ k.mT) / 8).softmax(-1) @ v
        x = x + weights[f"{block}.ls1.gamma"] * linear(attended, f"{block}.attn.proj")
        inner = f.gelu(linear(norm(x, f"{block}.norm2"), f"{block}.mlp.fc1"))
        x = x + weights[f"{block}.ls2.gamma"] * linear(inner, f"{block}.mlp.fc2")
    return norm(x, "norm")[:, 0]


@pytest.mark.parametrize("extractor", ALL)
def test_missing_weights_are_named(extractor, tmp_path: Path):
    with pytest.raises(ConfigError, match=r"needs weights: set extractor.weights=FILE to .*https://github.com"):
        extractor()
    with pytest.raises(ConfigError, match=r"there is no such file; give .*https://github.com"):
        extractor(tmp_path / "none.pth")


@pytest.mark.parametrize("extractor", ALL)
@pytest.mark.parametrize("kind", ["text", "tensors"])
def test_other_files_are_refused(extractor, kind: str, tmp_path: Path):
    file = tmp_path / "other.pth"
    if kind == "text":
        file.write_text("no weights")
    else:
        torch.save({"a": torch.zeros(1)}, file)
    with pytest.raises(ConfigError, match=r"other.pth is not "):
        extractor(file)


def test_a_wrong_input_size_is_refused(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"input_size=100: it must be a multiple of the patch size 14"):
        DinoV2Extractor(tmp_path / "x", input_size=100)
