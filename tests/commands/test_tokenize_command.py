"""`unif2ace-data tokenize` and `roundtrip` as a person types them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from warm_process import run_warm

from unif2ace.commands.data import roundtrip, tokenize
from unif2ace.data.datasets.shards import ShardDataset
from unif2ace.data.shards import Metadata, Rules, Sample, ShardReader, ShardWriter, encode_jpeg
from unif2ace.engine import compose, instantiate
from unif2ace.engine.weights import load_net, save_weights
from unif2ace.errors import ConfigError, DataError

NET: dict[str, Any] = {
    "_target_": "unif2ace.nets.tokenizer.patch.PatchNet", "_partial_": True, "channels": [32],
    "encoder_blocks": [1], "decoder_blocks": [1],
    "quantizer": {"_target_": "unif2ace.nets.quantizers.fsq.FSQ", "_partial_": True, "levels": [4, 4]},
}  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set ``faces`` with both splits, and a run ``run`` with the weights of a tokenizer."""
    root = tmp_path_factory.mktemp("root")
    for split, count in (("train", 9), ("val", 3)):
        with ShardWriter(root / "faces" / split) as writer:
            for number in range(count):
                pixels = np.random.default_rng(number).integers(0, 256, (16, 16, 3), dtype=np.uint8)
                writer.write(Sample(f"{split}-{number}", encode_jpeg(pixels), "jpg", Metadata("a", "CC0-1.0")))
    net = instantiate(NET)()
    further = {"image_size": [16, 16]}
    save_weights(root / "run" / "weights.safetensors", net, kind="tokenizer", config=NET, provenance=further)
    save_weights(root / "classifier.safetensors", net, kind="attributes", config=NET)
    return root


def _tokenize(root: Path, folder: str, *words: str) -> list[Path]:
    config = compose("tokenize", [f"folder={root / folder}", f"ckpt={root / 'run'}", "device=cpu", *words])
    return tokenize(config)


def test_both_splits_of_a_data_set_get_tokens_beside_it(root: Path, capsys: pytest.CaptureFixture[str]):
    folders = _tokenize(root, "faces")
    weights = root / "run" / "weights.safetensors"
    net: Any = load_net(weights, "tokenizer")
    said = capsys.readouterr().out
    place = folders[0].parent
    assert [f.name for f in folders] == ["train", "val"]
    assert place.name.startswith("faces-tokens-")
    assert "12 pictures as 4x4 tokens, 64 bits each" in said
    assert "images/s" in said
    assert f"dataset.shards.tokens={place}" in said
    dataset = ShardDataset(root / "faces", tokens=place)
    assert dataset.tokenizer_fingerprint.startswith(place.name.removeprefix("faces-tokens-"))
    reader: Any = dataset.open("val", Rules(), "both")
    import torch

    for index in range(3):
        sample = reader.decoded(index)
        wanted = net.encode(torch.from_numpy(sample.image).permute(2, 0, 1)[None])[0]
        np.testing.assert_array_equal(sample.image_ids, wanted)
    _tokenize(root, "faces")
    assert "all encoded before" in capsys.readouterr().out


def test_one_shard_folder_can_be_given_and_a_place_for_its_tokens(root: Path, tmp_path: Path):
    (folder,) = _tokenize(root, "faces/val", f"out={tmp_path / 'here'}", "precision=bfloat16", "batch_size=2")
    assert folder == tmp_path / "here"
    assert ShardReader(folder).keys() == ["val-0", "val-1", "val-2"]


def test_weights_of_another_kind_are_refused(root: Path):
    with pytest.raises(ConfigError, match=r"kind 'attributes'; give weights of kind 'tokenizer'"):
        _tokenize(root, "faces", f"ckpt={root}/classifier.safetensors")


def test_a_folder_without_shards_is_refused(root: Path):
    with pytest.raises(DataError, match=r"the folder .*nowhere does not exist"):
        _tokenize(root, "nowhere")
    with pytest.raises(DataError, match=r"holds no shards"):
        _tokenize(root, "run")


def test_a_picture_its_tokens_and_what_comes_back_are_on_one_sheet(root: Path, tmp_path: Path, capsys):
    for name, size in (("a.png", (40, 20)), ("b.jpg", (16, 16))):
        Image.new("RGB", size, "teal").save(tmp_path / name)
    words = [f"picture='{tmp_path}/a.png,{tmp_path}/b.jpg'", f"ckpt={root}/run", f"out={tmp_path}/new/sheet.png"]
    sheet = roundtrip(compose("roundtrip", words))
    said = capsys.readouterr().out
    assert "40x20, cut to its middle 20x20, resized to 16x16" in said
    assert "4x4 tokens" in said
    assert "64 bits" in said
    assert "dB" in said
    small = Image.open(sheet).size
    roundtrip(compose("roundtrip", [*words, "size=32"]))
    assert "8x8 tokens" in capsys.readouterr().out
    assert Image.open(sheet).size[0] >= small[0] >= 4 * 300


def test_a_size_is_asked_for_where_the_weights_do_not_say_it(root: Path, tmp_path: Path):
    net = load_net(root / "run", "tokenizer")
    save_weights(tmp_path / "w.safetensors", net, kind="tokenizer", config=NET)
    Image.new("RGB", (16, 16)).save(tmp_path / "a.png")
    words = [f"picture={tmp_path}/a.png", f"ckpt={tmp_path}/w.safetensors", f"out={tmp_path}/o.png"]
    with pytest.raises(ConfigError, match=r"does not record the image size of its training: give size="):
        roundtrip(compose("roundtrip", words))
    with pytest.raises(ConfigError, match="size=18: it must be a multiple of 4, the tokenizer's factor"):
        roundtrip(compose("roundtrip", [*words, "size=18"]))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("tokenize",), "needs a folder"),
        (("tokenize", "faces"), "ckpt is missing: give a tokenizer"),
        (("tokenize", "faces", "ckpt=nowhere"), "no weights at nowhere"),
        (("roundtrip",), "needs a picture"),
        (("roundtrip", "a.png"), "ckpt is missing: give a tokenizer"),
        (("roundtrip", "a.png", "ckpt=run"), "a.png does not exist"),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, tuple) else None,
)
def test_a_fault_is_told_in_one_message_without_a_traceback(words: tuple[str, ...], message: str, root: Path):
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("UNIF2ACE", "HYDRA"))}
    command = ["-m", "unif2ace.commands.data", *words]
    done = run_warm(command, cwd=root, env=environment)
    assert done.returncode == 1
    assert message in done.stderr
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
