"""What is imported computes what the source did, and is exported again unchanged."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import torch.distributed as dist
from omegaconf import OmegaConf
from safetensors.torch import load_file
from showo_reference import logits
from stand_in import exported, imported, imported_showo, write_stand_in
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

import unif2ace
from unif2ace.commands.checkpoint import VERBS
from unif2ace.engine import compose
from unif2ace.engine.initialization import start_from
from unif2ace.engine.instantiate import instantiate
from unif2ace.engine.weights import load_net, read_weights, save_weights
from unif2ace.errors import ConfigError
from unif2ace.importers.magvit import MagvitImporter, _config
from unif2ace.importers.recognition import importer_class
from unif2ace.nets.tokenizer.magvit import CODE_BUFFERS
from unif2ace.nets.transformer.showo import from_showo, to_showo
from unif2ace.sequence.sequence_layout import SequenceLayout

GROUPED = ["moe=grouped", "moe.expert_ffn_dim=16"]
KEYS = Path(__file__).parents[2] / "../shared/fixtures/showo/state_dict_keys.json"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = write_stand_in(tmp_path_factory.mktemp("pretrained"))
    imported("magvit", place / "magvitv2", place / "magvit")
    return place


@pytest.fixture(scope="module")
def dense(folder: Path) -> Path:
    return imported_showo(folder, folder / "dense")


@pytest.fixture(scope="module")
def mixture(folder: Path) -> Path:
    return imported_showo(folder, folder / "mixture", *GROUPED)


def _sequence(net):
    torch.manual_seed(0)
    code = torch.randint(0, net.vocabulary.codebook_size, (2, net.num_image_tokens))
    text = torch.randint(0, 200, (2, 6))
    return SequenceLayout(net.vocabulary, 16).text_to_image(text, torch.tensor([6, 3]), code, code)


def _all_logits(net):
    sequence = _sequence(net)
    found = net.logits(net(sequence).values.flatten(0, 1), "full")
    return sequence, found.view(*sequence.ids.shape, -1)[sequence.real]


@torch.no_grad()
@pytest.mark.parametrize("kind", ["dense", "mixture"])
def test_logits_are_those_of_the_source(kind: str, folder: Path, request: pytest.FixtureRequest):
    net = load_net(request.getfixturevalue(kind), "unified")
    sequence, found = _all_logits(net)
    wanted = logits(load_file(folder / "show-o" / "model.safetensors"), sequence.ids, sequence.attention)
    torch.testing.assert_close(found.double(), wanted[sequence.real], atol=1e-5, rtol=0)


def test_an_imported_mixture_learns_with_its_new_parts(mixture: Path):
    net = load_net(mixture, "unified").train()
    optimizer, losses = torch.optim.AdamW(net.parameters(), lr=1e-3), []
    for _ in range(20):
        sequence, found = _all_logits(net)
        losses.append(torch.nn.functional.cross_entropy(found, sequence.ids[sequence.real]))
        optimizer.zero_grad()
        losses[-1].backward()
        optimizer.step()
    assert losses[-1] < 0.8 * losses[0]
    assert all(block.token_moe.routed.weight_out.any() and block.sequence_moe.scale.any() for block in net.blocks)


@pytest.mark.parametrize("kind", ["dense", "mixture"])
def test_exported_weights_are_the_source(kind: str, folder: Path, tmp_path: Path, request: pytest.FixtureRequest):
    found = load_file(exported("showo", request.getfixturevalue(kind), tmp_path / "out.safetensors"))
    torch.testing.assert_close(found, load_file(folder / "show-o" / "model.safetensors"), atol=0, rtol=0)


def test_an_exported_tokenizer_is_the_source(folder: Path, tmp_path: Path):
    found = load_file(exported("magvit", folder / "magvit", tmp_path / "out.safetensors"))
    source = torch.load(folder / "magvitv2" / "pytorch_model.bin", weights_only=True)
    torch.testing.assert_close(found, dict(source), atol=0, rtol=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"blocks.1.token_moe.routed.weight_out": 1}, "routed.weight_out is not 0: the experts have been trained"),
        ({"blocks.0.sequence_moe.scale": 1}, "sequence_moe.scale is not 0"),
        ({"blocks.0.token_moe.shared.1.up.bias": 1}, "differs from blocks.0.token_moe.shared.0.up.bias"),
        ({"rotary_theta": 500.0}, r"net\.rotary_theta=500\.0, Show-o requires 10000\.0"),
    ],
)
def test_what_has_no_dense_counterpart_is_not_exported(change: dict, message: str, mixture: Path, tmp_path: Path):
    weights = read_weights(mixture, "unified")
    state = {name: value + change.get(name, 0) for name, value in weights.state.items()}
    config = {name: change.get(name, value) for name, value in weights.config.items()}
    save_weights(tmp_path / "weights.safetensors", state, kind="unified", config=config)
    with pytest.raises(ConfigError, match=message):
        exported("showo", tmp_path, tmp_path / "out.safetensors")
    assert not (tmp_path / "out.safetensors").exists()


def test_a_release_generates_and_its_card_says_where_it_comes_from(dense: Path):
    assert unif2ace.load(dense)("a smiling woman").images[0].size == (64, 64)
    assert "Show-o transformer, imported" in (dense / "README.md").read_text(encoding="utf-8")
    assert read_weights(dense, "unified").header["imported_from"] == "a Show-o transformer"


def test_a_mixture_with_a_visual_encoder_takes_its_classifier_along(folder: Path, tmp_path: Path):
    words = ["visual_encoder=classifier", "visual_encoder.classifier.dim=256"]
    out = imported_showo(folder, tmp_path / "out", *GROUPED, *words)
    assert {"unified.safetensors", "tokenizer.safetensors", "attributes.safetensors"} < {p.name for p in out.iterdir()}
    assert [*unif2ace.load(out).model.visual_encoders] == ["classifier"]


def _mixture_of(weights) -> dict:
    """Configuration of experts for which the dense feed-forward network becomes the shared expert."""
    moe = OmegaConf.to_container(compose("import", [*GROUPED, "moe.shared_ffn_dim=128"]).moe, resolve=True)
    return {**moe, "feed_forward": weights.config["moe"]["feed_forward"]}


@torch.no_grad()
def test_a_run_of_a_mixture_starts_from_dense_weights_with_their_function(dense: Path, caplog):
    weights = read_weights(dense, "unified")
    moe = _mixture_of(weights)
    net = instantiate({**weights.config, "moe": moe, "visual_dims": {"classifier": 7}})
    data = SimpleNamespace(text_tokenizer=None)
    start_from(weights, {}, {**weights.config, "moe": moe}).on_fit_start(
        SimpleNamespace(datamodule=data), SimpleNamespace(net=net)
    )
    torch.testing.assert_close(_all_logits(net)[1], _all_logits(load_net(weights, "unified"))[1], atol=1e-5, rtol=0)
    assert "other settings" not in caplog.text
    block = {"_target_": "unif2ace.nets.transformer.blocks.sequential.SequentialBlock", "_partial_": True}
    other, load = instantiate({**weights.config, "moe": moe, "block": block}), start_from(weights, {}).on_fit_start
    with pytest.raises(ConfigError, match=r"init_from=.*set block=parallel for a dense network with parallel blocks"):
        load(SimpleNamespace(datamodule=data), SimpleNamespace(net=other))


def test_a_sharded_network_gets_its_part_of_the_dense_weights(dense: Path):
    weights = read_weights(dense, "unified")
    moe = _mixture_of(weights)
    net = instantiate({**weights.config, "moe": moe})
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    try:
        fully_shard(net, mesh=init_device_mesh("cpu", (1,)))
        data = SimpleNamespace(datamodule=SimpleNamespace(text_tokenizer=None))
        start_from(weights, {}).on_fit_start(data, SimpleNamespace(net=net))
        state = {name: value.full_tensor() for name, value in net.state_dict().items()}
    finally:
        dist.destroy_process_group()
    assert not state["blocks.1.token_moe.routed.weight_out"].any()
    assert torch.equal(
        state["blocks.1.token_moe.shared.1.up.weight"], weights.state["blocks.1.token_moe.network.up.weight"]
    )


needs_keys = pytest.mark.skipif(not KEYS.is_file(), reason=f"needs the published key names at {KEYS}")


def _published(part: str) -> dict[str, torch.Tensor]:
    shapes = json.loads(KEYS.read_text())[part]
    return {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}


def _shapes(state) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in state.items()}


@needs_keys
def test_all_published_names_of_the_transformer_are_mapped_there_and_back():
    state = _published("showo")
    made = from_showo(state)
    assert sum(value.numel() for value in made.values()) == 1_448_176_770
    assert _shapes(to_showo(made)) == _shapes(state)


@needs_keys
def test_all_published_names_of_the_tokenizer_are_mapped_there_and_back():
    state = _published("magvitv2")
    config = _config(state)
    with torch.device("meta"):
        net = instantiate(config)
    own = {name: tensor for name, tensor in net.state_dict().items() if not name.startswith("quantizer.")}
    assert _shapes(own) == {name: shape for name, shape in _shapes(state).items() if name not in CODE_BUFFERS}
    assert state.keys() - own.keys() == CODE_BUFFERS
    assert (config["channels"], config["quantizer"]["num_bits"]) == (128, 13)
    assert config["encoder_multipliers"] == [1, 2, 2, 4, 4]
    assert MagvitImporter.recognises(state)


def test_every_tensor_is_reported_once(folder: Path, tmp_path: Path, capsys):
    imported_showo(folder, tmp_path / "out", *GROUPED)
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line.startswith(("taken", "made"))]
    state = read_weights(tmp_path / "out", "unified").state
    assert sum(int(line[2]) for line in lines) == len(state)
    assert sum(int(line[4].replace(",", "")) for line in lines) == sum(value.numel() for value in state.values())
    made = {line[1] for line in lines if line[0] == "made"}
    assert "blocks.*.token_moe.routed" in made
    assert not any(name.startswith(("embedding", "head", "blocks.*.attention")) for name in made)


def test_the_same_import_gives_the_same_weights(folder: Path, mixture: Path, tmp_path: Path):
    again = imported_showo(folder, tmp_path / "again", *GROUPED)
    assert read_weights(again, "unified").fingerprint == read_weights(mixture, "unified").fingerprint


def test_importers_are_found_by_name():
    assert importer_class("magvit") is MagvitImporter
    with pytest.raises(ConfigError, match=r"no importer 'show' .did you mean 'showo'"):
        importer_class("show")
    line = VERBS["import"].syntax.overrides(["showo", "a/b c", "out=x"])
    assert compose("import", line).weights == "a/b c"
