"""Visual encoders: what they give, that they are frozen, and what they say when something is missing."""

from __future__ import annotations

import importlib.util
import io
import json
import tarfile
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file

import unif2ace.nets.visual_encoders.identity as identity_module
import unif2ace.nets.visual_encoders.open_clip as open_clip_module
from unif2ace.errors import ConfigError
from unif2ace.nets.attributes import AttributesNet
from unif2ace.nets.visual_encoders.classifier import ClassifierEncoder
from unif2ace.nets.visual_encoders.identity import SIDE, TEMPLATE, IdentityEncoder, aligned
from unif2ace.nets.visual_encoders.open_clip import OpenClipEncoder
from unif2ace.nets.visual_encoders.timm import TimmEncoder

PHOTOGRAPHS = Path(__file__).parents[3] / "../shared/data/real_faces/dev-0000.tar"


def _needs(*packages: str) -> pytest.MarkDecorator:
    missing = [p for p in packages if importlib.util.find_spec(p) is None]
    return pytest.mark.skipif(bool(missing), reason=f"needs {', '.join(missing)}: make test-extras")


dlib_needed = _needs("dlib", "face_recognition_models")


@pytest.fixture
def image() -> torch.Tensor:
    return torch.randint(0, 256, (3, 3, 40, 40), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def _frozen(encoder, image) -> None:
    """Never trained, never in training mode, and the same again."""
    encoder.train()
    assert not any(m.training for m in encoder.modules())
    assert not any(p.requires_grad for p in encoder.parameters())
    first, again = encoder(image), encoder(image)
    assert torch.equal(first.values, again.values)
    assert not first.values.requires_grad
    assert first.values.dtype == torch.float32
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.allclose(encoder(image).values, first.values, atol=1e-5)


# --- our classifier


def test_attributes_are_what_the_heads_read(image):
    net = AttributesNet(["a"] * 4, drop_rate=0.5)
    encoder = ClassifierEncoder(lambda: net, dim=512)
    found = encoder(image)
    assert found.values.shape == (3, 1, 512)
    assert found.present.all()
    with torch.no_grad():
        assert torch.allclose(net.eval().heads["a"](found.values[:, 0]), net(image), atol=1e-5)
    _frozen(encoder, image)


def test_classifier_features_of_another_length_are_refused():
    with pytest.raises(ConfigError, match=r"classifier\.dim=100: the classifier's features have 512"):
        ClassifierEncoder(lambda: AttributesNet(["a"]), dim=100)


# --- timm


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("timm") / "w.safetensors"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        save_file(timm.create_model("resnet10t", num_classes=0).state_dict(), path)
    return path


def test_timm_gives_the_cells_of_the_last_map_or_their_pool(image, weights):
    cells = TimmEncoder("resnet10t", 512, str(weights), input_size=64)
    pooled = TimmEncoder("resnet10t", 512, str(weights), input_size=64, pooled=True)
    assert cells(image).values.shape == (3, 4, 512)
    assert pooled(image).values.shape == (3, 1, 512)
    assert torch.allclose(cells(image).values.mean(1), pooled(image).values[:, 0], atol=1e-4)
    assert cells(image).present.all()
    _frozen(cells, image)
    _frozen(pooled, image)


def test_timm_says_what_is_wrong(weights):
    with pytest.raises(ConfigError, match=r"timm\.dim=7: the features of resnet10t have 512"):
        TimmEncoder("resnet10t", 7, str(weights))
    with pytest.raises(ConfigError, match=r"visual_encoder=timm: .*set either features.weights=FILE"):
        TimmEncoder("resnet10t", 512)


# --- CLIP


def test_a_missing_clip_package_is_named(monkeypatch: pytest.MonkeyPatch):
    def missing(name: str):
        raise ImportError(name)

    monkeypatch.setattr(open_clip_module, "import_module", missing)
    with pytest.raises(ConfigError, match=r"pip install open_clip_torch, or install unif2ace\[clip\]"):
        OpenClipEncoder("ViT-B-32", "openai", 768)


@_needs("open_clip")
def test_clip_gives_patches_of_the_last_but_one_layer(image, tmp_path: Path):
    import open_clip

    torch.manual_seed(0)
    model = open_clip.create_model("ViT-B-32", pretrained=None).eval()
    torch.save(model.state_dict(), tmp_path / "w.pt")
    encoder = OpenClipEncoder("ViT-B-32", str(tmp_path / "w.pt"), 768)
    found = encoder(image)
    assert found.values.shape == (3, 49, 768)
    assert found.present.all()
    tower, x = model.visual, torch.nn.functional.interpolate(image / 255, (224, 224), mode="bicubic", antialias=True)
    mean, std = (torch.tensor(tower.preprocess_cfg[k]).view(3, 1, 1) for k in ("mean", "std"))
    seen = []
    tower.transformer.resblocks[-2].register_forward_hook(lambda *a: seen.append(a[2]))
    with torch.no_grad():
        tower((x.clamp(0, 1) - mean) / std)
    assert torch.allclose(seen[0][:, 1:], found.values, atol=1e-3)
    _frozen(encoder, image)
    with pytest.raises(ConfigError, match=r"open_clip\.dim=5: .* 768 numbers"):
        OpenClipEncoder("ViT-B-32", str(tmp_path / "w.pt"), 5)


@_needs("open_clip")
def test_clip_says_what_is_wrong():
    with pytest.raises(ConfigError, match=r"no such model .did you mean 'ViT-B-32"):
        OpenClipEncoder("VIT-B-32", "openai", 768)
    with pytest.raises(ConfigError, match=r"pretrained='nowhere\.pt': give a file, or one of .* of ViT-B-32"):
        OpenClipEncoder("ViT-B-32", "nowhere.pt", 768)
    with pytest.raises(ConfigError, match="layer=3"):
        OpenClipEncoder("ViT-B-32", "openai", 768, layer=3)


# --- identity


def test_a_missing_dlib_is_named(monkeypatch: pytest.MonkeyPatch):
    def missing(name: str):
        raise ImportError(name)

    monkeypatch.setattr(identity_module, "import_module", missing)
    with pytest.raises(ConfigError, match=r"needs dlib: pip install dlib-bin .*unif2ace\[identity\]"):
        IdentityEncoder()


def test_missing_weights_of_identity_are_named(monkeypatch: pytest.MonkeyPatch):
    def missing(name: str):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(identity_module, "distribution", missing)
    with pytest.raises(ConfigError, match="needs weights: pip install"):
        identity_module._file("x.dat")


def test_alignment_undoes_a_turn_a_scale_and_a_shift():
    """A bright spot at each of the five points of a turned picture comes to lie on the template."""
    turn = 1.7 * np.exp(0.4j)
    template = np.array(TEMPLATE) @ [1, 1j]
    here = turn * template + (60 - 20j)
    rows, columns = np.mgrid[:300, :300]
    for point, aim in zip(here, template, strict=True):
        spot = 255 * np.exp(-((columns - point.real) ** 2 + (rows - point.imag) ** 2) / 18)
        picture = torch.from_numpy(np.repeat(spot[None], 3, 0).astype(np.uint8))
        face = aligned(picture, np.stack([here.real, here.imag], 1))
        assert face.shape == (3, SIDE, SIDE)
        weight = face[0].double() / face[0].sum()
        assert (weight.sum(0) @ torch.arange(SIDE).double()).item() == pytest.approx(aim.real, abs=0.1)
        assert (weight.sum(1) @ torch.arange(SIDE).double()).item() == pytest.approx(aim.imag, abs=0.1)


def _photographs(number: int) -> tuple[torch.Tensor, list[str]]:
    if not PHOTOGRAPHS.is_file():
        pytest.skip("needs photographs, ../shared/data/real_faces")
    pictures, people = [], []
    with tarfile.open(PHOTOGRAPHS) as tar:
        for member in tar.getmembers():
            data = tar.extractfile(member).read()
            if member.name.endswith(".jpg"):
                pictures.append(torch.from_numpy(np.array(Image.open(io.BytesIO(data)))).permute(2, 0, 1))
            else:
                people.append(json.loads(data)["identity"])
    repeated = [i for i, person in enumerate(people) if people.count(person) > 1]
    chosen = sorted(repeated, key=lambda i: people[i])[:number]
    return torch.stack([pictures[i] for i in chosen]), [people[i] for i in chosen]


@dlib_needed
def test_one_persons_pictures_are_near_each_other_and_no_face_is_not_present():
    pictures, people = _photographs(24)
    blank = torch.full((1, 3, 128, 128), 128, dtype=torch.uint8)
    encoder = IdentityEncoder()
    found = encoder(torch.cat([pictures, blank]))
    assert found.values.shape == (25, 1, 128)
    assert not found.present[-1]
    assert (found.values[-1] == 0).all()
    assert found.present[:-1].float().mean() > 0.8
    seen = found.present.nonzero()[:, 0].tolist()
    pairs = [(a, b) for a in seen for b in seen if a < b]
    distance = torch.tensor([(found.values[a, 0] - found.values[b, 0]).norm() for a, b in pairs])
    same = torch.tensor([people[a] == people[b] for a, b in pairs])
    assert same.any()
    auc = (distance[same][:, None] < distance[~same]).float().mean()
    assert auc > 0.95


@dlib_needed
@_needs("onnx", "onnxruntime")
def test_an_onnx_network_sees_the_aligned_face(tmp_path: Path):
    from onnx import TensorProto, helper, save

    pooled = [helper.make_node("GlobalAveragePool", ["x"], ["p"]), helper.make_node("Flatten", ["p"], ["y"])]
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("x", [1, 3, 112, 112]), ("y", [1, 3]))]
    graph = helper.make_graph(pooled, "mean", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    save(model, str(tmp_path / "mean.onnx"))
    pictures, _ = _photographs(4)
    encoder = IdentityEncoder(3, str(tmp_path / "mean.onnx"))
    found = encoder(pictures)
    assert found.present.any()
    mean = pictures.float().mean((2, 3)) / 127.5 - 1
    seen = found.present
    assert found.values.shape == (4, 1, 3)
    assert (found.values[seen, 0] - mean[seen]).abs().max() < 0.8
    assert (found.values[seen, 0, 0] > found.values[seen, 0, 2]).all()  # skin is redder than it is blue
    with pytest.raises(ConfigError, match=r"identity\.dim=512: .* 3 numbers"):
        IdentityEncoder(512, str(tmp_path / "mean.onnx"))
    with pytest.raises(ConfigError, match="no such file"):
        IdentityEncoder(512, str(tmp_path / "other.onnx"))
