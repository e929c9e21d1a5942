"""Weights files: what was saved comes back, and whatever is not as it should be is refused with its name."""

from __future__ import annotations

import json
import pickle
import struct
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import nn

from unif2ace.engine.fingerprint import fingerprint
from unif2ace.engine.weights import find_weights, load_net, read_header, read_weights, save_weights
from unif2ace.errors import ConfigError, DataError

CONFIG = {"_target_": "torch.nn.Linear", "_partial_": True, "in_features": 3, "out_features": 2}


@pytest.fixture
def net() -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(3, 2)


@pytest.fixture
def file(net: nn.Linear, tmp_path: Path) -> Path:
    return save_weights(tmp_path / "weights.safetensors", net, kind="attributes", config=CONFIG).path


def _checkpoint(net: nn.Module, **more: object) -> dict[str, object]:
    state = {f"net.{n}": v for n, v in net.state_dict().items()} | {"discriminator.weight": torch.zeros(1)}
    return {"state_dict": state, "global_step": 7, **more}


RECORD = {"format": 2, "kind": "attributes", "net": CONFIG, "seed": 3}


@pytest.mark.parametrize("partial", [True, False])
def test_a_network_comes_back_as_it_was(net: nn.Linear, tmp_path: Path, partial: bool):
    config = CONFIG | {"_partial_": partial}
    save_weights(tmp_path / "a.safetensors", net, kind="attributes", config=config, provenance={"seed": 5})
    loaded = load_net(tmp_path / "a.safetensors", "attributes")
    assert not loaded.training
    torch.testing.assert_close(loaded.state_dict(), net.state_dict(), rtol=0, atol=0)
    weights = read_weights(tmp_path / "a.safetensors")
    assert weights.header["seed"] == 5
    assert weights.header["dtype"] == "float32"
    assert weights.fingerprint == fingerprint(loaded, config)
    assert weights.short == weights.fingerprint[:12]
    assert [p.name for p in tmp_path.iterdir()] == ["a.safetensors"]


def test_half_precision_is_half_as_large_and_keeps_its_fingerprint_when_loaded(tmp_path: Path):
    net = nn.Linear(300, 200)
    config = CONFIG | {"in_features": 300, "out_features": 200}
    whole = save_weights(tmp_path / "a.safetensors", net, kind="attributes", config=config)
    half = save_weights(tmp_path / "b.safetensors", net, kind="attributes", config=config, dtype="bfloat16")
    assert half.path.stat().st_size < 0.51 * whole.path.stat().st_size
    loaded = load_net(half.path, "attributes")
    assert loaded.weight.dtype == torch.float32
    torch.testing.assert_close(loaded.weight, net.weight.bfloat16().float(), rtol=0, atol=0)
    assert fingerprint(loaded, config) == half.fingerprint == read_weights(half.path).fingerprint
    assert half.fingerprint != whole.fingerprint


def test_every_kind_of_tensor_is_kept(tmp_path: Path):
    shared = torch.randn(4, 4)
    state = {
        "view": shared.T,
        "shared": shared,
        "channels_last": torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last),
        "number": torch.tensor(3),
        "flag": torch.tensor([True, False]),
        "empty": torch.zeros(0, 3),
        "parameter": nn.Parameter(torch.ones(2)),
    }
    save_weights(tmp_path / "a.safetensors", state, kind="k", config={}, dtype="float16")
    found = read_weights(tmp_path / "a.safetensors")
    for name, value in state.items():
        wanted = value.detach().half() if value.is_floating_point() else value
        torch.testing.assert_close(found.state[name], wanted, rtol=0, atol=0)


def test_the_fingerprint_tells_names_shapes_values_and_configuration_apart():
    a = torch.arange(6.0).view(2, 3)
    base = fingerprint({"w": a}, {"x": 1})
    assert base == fingerprint({"w": a.clone()}, {"x": 1})
    assert base == fingerprint({"w": a.bfloat16()}, {"x": 1})  # these values are exact in half precision
    assert base == fingerprint({"w": a.t().contiguous().t()}, {"x": 1})
    others = [({"v": a}, {"x": 1}), ({"w": a.view(3, 2)}, {"x": 1}), ({"w": a + 1e-3}, {"x": 1}), ({"w": a}, {"x": 2})]
    others += [({"w": a.int()}, {"x": 1}), ({"w": a, "b": a}, {"x": 1})]
    assert len({base, *(fingerprint(*other) for other in others)}) == len(others) + 1


def test_another_kind_is_refused_with_both_names(file: Path):
    with pytest.raises(ConfigError, match=r"kind 'attributes'; give weights of kind 'tokenizer'"):
        load_net(file, "tokenizer")


def test_names_and_shapes_that_differ_are_named(net: nn.Linear, tmp_path: Path):
    state = net.state_dict()
    path = tmp_path / "a.safetensors"
    save_weights(path, {"weightz": state["weight"], "bias": state["bias"]}, kind="attributes", config=CONFIG)
    with pytest.raises(DataError, match=r"lacks tensor 'weight' of torch.nn.Linear: the .* .did you mean 'weightz'\?"):
        load_net(path, "attributes")
    save_weights(path, {**state, "gain": torch.ones(2)}, kind="attributes", config=CONFIG)
    with pytest.raises(DataError, match=r"has tensor 'gain', which torch\.nn\.Linear lacks"):
        load_net(path, "attributes")
    save_weights(path, net, kind="attributes", config=CONFIG | {"out_features": 4})
    with pytest.raises(DataError, match=r"'weight' has shape \(2, 3\), but shape \(4, 3\) in torch.nn.Linear"):
        load_net(path, "attributes")


@pytest.mark.parametrize("kept", [0, 5, 200, -1])
def test_a_file_that_was_cut_is_refused(file: Path, kept: int):
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(DataError, match=r"weights.safetensors is damaged .*copy the file again"):
        read_weights(file)


def test_a_file_with_a_changed_byte_is_refused(file: Path):
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    with pytest.raises(DataError, match="is damaged: its weights have fingerprint"):
        load_net(file, "attributes")


def test_a_changed_configuration_is_refused(file: Path):
    data = file.read_bytes()
    assert b'\\"in_features\\": 3' in data
    file.write_bytes(data.replace(b'\\"in_features\\": 3', b'\\"in_features\\": 4'))
    with pytest.raises(DataError, match="is damaged"):
        read_weights(file)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        (None, "was not written by unif2ace-train"),
        ({"unif2ace": "3"}, "was not written by unif2ace-train"),
        ({"unif2ace": "{"}, "damaged header"),
        ({"unif2ace": json.dumps({"kind": "x"})}, "damaged header"),
        ({"unif2ace": json.dumps({"format": 9})}, "format 9, but this version reads 2"),
        ({"unif2ace": json.dumps({"format": 1, "kind": 3, "net": {}, "fingerprint": ""})}, "damaged header"),
        ({"unif2ace": json.dumps({"format": 2, "kind": 3, "net": {}, "fingerprint": ""})}, "damaged header"),
    ],
)
def test_a_file_of_another_program_is_refused(metadata: dict[str, str] | None, message: str, tmp_path: Path):
    path = tmp_path / "other.safetensors"
    safetensors.torch.save_file({"a": torch.zeros(2)}, path, metadata)
    with pytest.raises(DataError, match=message):
        read_weights(path)
    with pytest.raises(DataError, match=message):
        read_header(path)


def test_a_class_that_is_not_admitted_is_never_built(net: nn.Linear, tmp_path: Path):
    path = tmp_path / "a.safetensors"
    save_weights(path, net, kind="attributes", config={"_target_": "os.system", "command": f"touch {tmp_path}/run"})
    with pytest.raises(ConfigError, match=r"os.system.*not allowed"):
        load_net(path, "attributes")
    assert not (tmp_path / "run").exists()


def test_nothing_is_downloaded_for_a_network_that_was_pretrained(tmp_path: Path):
    from unif2ace.nets.attributes import AttributesNet

    config = {"_target_": "unif2ace.nets.attributes.AttributesNet", "groups": ["a", "b", "a"]}
    net = AttributesNet(["a", "b", "a"])
    save_weights(tmp_path / "a.safetensors", net, kind="attributes", config=config | {"pretrained": True})
    loaded = load_net(tmp_path / "a.safetensors", "attributes")  # the hub is switched off in tests
    torch.testing.assert_close(loaded.state_dict(), net.state_dict(), rtol=0, atol=0)


def test_a_checkpoint_gives_the_network_alone(net: nn.Linear, tmp_path: Path):
    torch.save(_checkpoint(net, unif2ace=RECORD), tmp_path / "last.ckpt")
    weights = read_weights(tmp_path / "last.ckpt")
    assert (weights.kind, weights.header["steps"], set(weights.state)) == ("attributes", 7, {"weight", "bias"})
    assert weights.fingerprint == fingerprint(net, CONFIG)
    torch.testing.assert_close(load_net(weights, "attributes").state_dict(), net.state_dict(), rtol=0, atol=0)
    assert read_header(tmp_path / "last.ckpt")["kind"] == "attributes"


def test_a_checkpoint_without_a_record_is_refused_even_beside_the_runs_configuration(net: nn.Linear, tmp_path: Path):
    path = tmp_path / "checkpoints" / "last.ckpt"
    path.parent.mkdir()
    torch.save(_checkpoint(net), path)
    module = {"_target_": "unif2ace.modules.attributes.AttributesModule", "net": CONFIG}
    (tmp_path / "config.yaml").write_text(json.dumps({"module": module}))
    for read in (read_weights, read_header):
        with pytest.raises(DataError, match="does not name its network: it was not written by unif2ace-train"):
            read(path)


def test_a_run_folder_gives_the_newest_of_weights_and_checkpoints(net: nn.Linear, file: Path):
    import os

    run = file.parent
    assert find_weights(run) == file
    (run / "checkpoints").mkdir()
    for age, name in ((30, "epoch=0.ckpt"), (20, "last.ckpt")):
        torch.save(_checkpoint(net, unif2ace=RECORD), run / "checkpoints" / name)
        os.utime(run / "checkpoints" / name, (file.stat().st_mtime - age,) * 2)
    assert find_weights(run) == file
    os.utime(file, (file.stat().st_mtime - 60,) * 2)  # the run went on since, and was stopped
    assert find_weights(run) == run / "checkpoints" / "last.ckpt"
    file.unlink()
    assert read_weights(run).path.name == "last.ckpt"


class _Runs:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def test_a_checkpoint_that_would_run_code_is_never_opened(net: nn.Linear, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    torch.save(_checkpoint(net, unif2ace=RECORD, evil=_Runs(tmp_path / "ran")), tmp_path / "a.ckpt")
    (tmp_path / "ran").unlink(missing_ok=True)
    with pytest.raises(DataError, match="could run code"):
        read_weights(tmp_path / "a.ckpt")
    (tmp_path / "b.ckpt").write_bytes(pickle.dumps(_Runs(tmp_path / "ran")))
    with pytest.raises(DataError, match=r"b\.ckpt"):
        read_weights(tmp_path / "b.ckpt")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("data", [b"", b"garbage" * 99, struct.pack("<Q", 2**60)])
def test_a_checkpoint_that_is_garbage_is_refused(data: bytes, tmp_path: Path):
    (tmp_path / "a.ckpt").write_bytes(data)
    with pytest.raises(DataError, match=r"a\.ckpt is damaged or not a checkpoint"):
        read_weights(tmp_path / "a.ckpt")


def test_checkpoints_of_other_programs_are_refused(net: nn.Linear, tmp_path: Path):
    path = tmp_path / "a.ckpt"
    torch.save(_checkpoint(net, unif2ace=RECORD), path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match="damaged"):
        read_weights(path)
    torch.save([1, 2], path)
    with pytest.raises(DataError, match="holds list"):
        read_weights(path)
    torch.save({"state_dict": {"model.a": torch.zeros(1)}, "unif2ace": RECORD}, path)
    with pytest.raises(DataError, match="holds no network"):
        read_weights(path)


def test_what_is_not_there_is_said_with_the_nearest_name(file: Path):
    with pytest.raises(DataError, match=r"no weights at .*weightz.safetensors .did you mean 'weights.safetensors'\?"):
        read_weights(file.with_name("weightz.safetensors"))
    with pytest.raises(DataError, match="no weights at"):
        read_weights("nowhere/at/all.ckpt")
    (file.parent / "notes.txt").write_text("")
    with pytest.raises(DataError, match=r"notes.txt is not a weights file"):
        read_weights(file.parent / "notes.txt")
    (file.parent / "empty").mkdir()
    with pytest.raises(DataError, match=r"has no weights\.safetensors and no complete checkpoint"):
        read_weights(file.parent / "empty")


def test_a_failure_while_writing_leaves_the_file_that_was_there(net: nn.Linear, file: Path, monkeypatch):
    before = file.read_bytes()
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(DataError, match="the disk is full"):
        save_weights(file, net, kind="tokenizer", config=CONFIG)
    assert file.read_bytes() == before
    assert [p.name for p in file.parent.iterdir()] == [file.name]
