"""Sizes of images, tokens, texts and networks: compared before the first step, with the key to change."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from unif2ace.data.datamodule import FaceDataModule
from unif2ace.data.datasets.shards import ShardDataset
from unif2ace.data.image_sizes import common_size
from unif2ace.data.shards import Metadata, Rules, Sample, ShardReader, ShardWriter, encode_jpeg
from unif2ace.data.tasks.image import ImageTask
from unif2ace.data.token_reader import TokenReader
from unif2ace.data.tokenize import tokenize_shards
from unif2ace.engine.instantiate import instantiate
from unif2ace.errors import ConfigError, DataError
from unif2ace.evaluation.scores import score
from unif2ace.evaluation.unified_scores import ScoreOptions
from unif2ace.modules.tokenizer import TokenizerModule
from unif2ace.modules.unified import UnifiedModule

FACTOR = 8


def shards(folder: Path, *sides: int) -> Path:
    with ShardWriter(folder, 8) as writer:
        for number, side in enumerate(sides):
            image = encode_jpeg(np.zeros((side, side, 3), np.uint8))
            writer.write(Sample(f"s{number:03d}", image, "jpg", Metadata("test", "CC0-1.0", "A face.")))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Data sets with images of one size, with others in one split or in both, and tokens of the first."""
    folder = tmp_path_factory.mktemp("sizes")
    for name, train, val in (("one", [16] * 3, [16]), ("mixed", [16, 16, 24], [16]), ("val", [16], [24])):
        shards(folder / name / "train", *train)
        shards(folder / name / "val", *val)
    net = instantiate(
        {
            "_target_": "unif2ace.nets.tokenizer.patch.PatchNet",
            "quantizer": {"_target_": "unif2ace.nets.quantizers.fsq.FSQ", "_partial_": True, "levels": [4, 4]},
            "channels": [32, 32],
        }
    ).eval()
    for split in ("train", "val"):
        tokenize_shards(folder / "one" / split, folder / "tokens" / split, net, "0" * 64)
    return folder


def data(*folders: Path, **options) -> FaceDataModule:
    sets = {folder.name: ShardDataset(folder) for folder in folders}
    return FaceDataModule(sets, {"image": ImageTask(1)}, **options)


def test_one_size_is_found_in_pictures_and_tokens(folder: Path):
    made = data(folder / "one")
    made.setup("fit")
    assert made.image_size == (16, 16)
    reader = TokenReader(folder / "one" / "train", folder / "tokens" / "train", rules=Rules())
    assert common_size([("tokens", reader)]) == (16, 16)
    assert reader.size(0) == (16, 16)


@pytest.mark.parametrize(
    ("names", "stage"), [(["mixed"], "fit"), (["val"], "fit"), (["one", "val"], "fit"), (["one", "val"], "validate")]
)
def test_pictures_of_two_sizes_are_refused_with_where_they_are(folder: Path, names: list[str], stage: str):
    with pytest.raises(DataError, match=r"16x16.*24x24.*source\.size"):
        data(*(folder / name for name in names)).setup(stage)


def test_the_sizes_of_a_split_that_is_not_read_do_not_matter(folder: Path):
    made = data(folder / "mixed")
    made.setup("validate")
    assert made.image_size == (16, 16)


class TokenizerStandIn(torch.nn.Module):
    factor, quantizer = FACTOR, SimpleNamespace(num_codes=16)


def unified(side: int, **known) -> UnifiedModule:
    module = UnifiedModule(
        lambda: None,  # type: ignore[arg-type,return-value]
        lambda groups: None,  # type: ignore[arg-type,return-value]
        image_tokenizer=TokenizerStandIn,  # type: ignore[arg-type,return-value]
        forward_process=None,  # type: ignore[arg-type]
        image_size=side,
        max_text=32,
    )
    text = SimpleNamespace(vocab_size=300, eos_id=1)
    module._trainer = SimpleNamespace(datamodule=SimpleNamespace(text_tokenizer=text, **known))  # type: ignore[assignment]
    return module


@pytest.mark.parametrize(
    ("side", "known", "why"),
    [
        (16, {"image_size": (32, 32)}, r"image_size=16, but .* 32x32 pixels: set image_size=32.*source\.size=16"),
        (20, {}, "image_size=20.*multiple of the image tokenizer's factor 8"),
        (16, {"max_text_tokens": 40}, r"data\.max_text_tokens=40 exceeds module\.max_text=32.*set module\.max_text=40"),
    ],
)
def test_the_unified_model_compares_itself_with_the_data(side: int, known: dict, why: str):
    with pytest.raises(ConfigError, match=why):
        unified(side, **known)._sizes()


def test_the_unified_model_accepts_data_of_its_size_and_no_other_tokens():
    module = unified(16, image_size=(16, 16), max_text_tokens=32)
    assert module._sizes()["num_image_tokens"] == 4
    module.net = SimpleNamespace(num_image_tokens=4)  # type: ignore[assignment]
    batch = SimpleNamespace(task=torch.tensor([1]), text=torch.zeros(1, 2), image_ids=torch.zeros(1, 16))
    with pytest.raises(ConfigError, match="image_size=16 needs 4 tokens per image, but the data has 16"):
        module.codes(batch)  # type: ignore[arg-type]


def test_the_tokenizer_compares_its_factor_with_the_data():
    module = TokenizerModule(TokenizerStandIn, lambda groups: None)  # type: ignore[arg-type,return-value]
    module._trainer = SimpleNamespace(  # type: ignore[assignment]
        datamodule=SimpleNamespace(image_size=(20, 20)), callbacks=[], strategy=SimpleNamespace()
    )
    with pytest.raises(ConfigError, match=r"20x20 pixels: both sides must be multiples of 8.*source\.size"):
        module.configure_model()


def test_scores_compare_the_size_before_anything_is_generated(folder: Path):
    with pytest.raises(ConfigError, match=r"16x16 pixels, the model takes 32x32.*source\.size=32"):
        score(SimpleNamespace(image_size=32), None, folder / "one", folder / "out", ScoreOptions())  # type: ignore[arg-type]
    mixed = [ShardReader(folder / "mixed" / "train")]
    with pytest.raises(DataError, match="differ in size"):
        score(SimpleNamespace(), None, mixed, folder / "out", ScoreOptions())  # type: ignore[arg-type]
