"""Tokens beside pictures: the right ones, in order, resumable, and never read with other data or another tokenizer."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from unif2ace.data.datamodule import FaceDataModule
from unif2ace.data.datasets.shards import ShardDataset
from unif2ace.data.shards import Metadata, Rules, Sample, ShardReader, ShardWriter, build_index, encode_jpeg, load_index
from unif2ace.data.tasks.image import ImageTask
from unif2ace.data.token_reader import TokenReader
from unif2ace.data.tokenize import TokenizeOptions, tokenize_shards
from unif2ace.errors import ConfigError, DataError
from unif2ace.nets.quantizers.base import Quantizer
from unif2ace.nets.tokenizer.base import TokenizerNet
from unif2ace.types import Quantized

PRINT, OTHER = "ab" * 32, "cd" * 32


class _Levels(Quantizer):
    """The code of a cell is its red value in 16 levels."""

    dim, num_codes = 3, 16

    def forward(self, z: Tensor, *, logits: bool = False) -> Quantized:
        ids = ((z[:, 0] + 1) * 8).floor().long().clamp(0, 15)
        return Quantized(z, z, z, ids, num_codes=16)

    def decode_ids(self, ids: Tensor) -> Tensor:
        raise AssertionError("tokenising decodes nothing")


class TinyNet(TokenizerNet):
    def __init__(self, factor: int = 4, stop_after: int | None = None) -> None:
        super().__init__()
        self.factor, self.stop_after, self.batches = factor, stop_after, []
        self.encoder, self.quantizer, self.decoder = nn.AvgPool2d(factor), _Levels(), nn.Conv2d(3, 3, 1)

    def encode(self, image: Tensor) -> Tensor:
        if len(self.batches) == self.stop_after:
            raise KeyboardInterrupt
        self.batches.append(len(image))
        return super().encode(image)


def _oracle(reader: ShardReader, index: int) -> np.ndarray:
    red = reader.image(index)[..., 0].astype(np.float64)
    height, width = red.shape
    means = red.reshape(height // 4, 4, width // 4, 4).mean((1, 3))
    return np.floor(means / 127.5 * 8).clip(0, 15).astype(int).ravel()


def _write(
    folder: Path, count: int = 21, seed: int = 0, size: tuple[int, int] = (8, 12), **odd: tuple[int, int]
) -> Path:
    with ShardWriter(folder, 6) as writer:
        for number in range(count):
            draw = np.random.default_rng([seed, number])
            shape = odd.get(f"n{number}", (8, 12))
            small = draw.integers(0, 256, (shape[0] // 4, shape[1] // 4, 3), dtype=np.uint8)
            pixels = small.repeat(4, 0).repeat(4, 1)
            writer.write(Sample(f"a-{number:03d}", encode_jpeg(pixels), "jpg", Metadata("a", "CC0-1.0")))
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return _write(tmp_path / "faces")


OPTIONS = TokenizeOptions(batch_size=3, samples_per_shard=8, device="cpu")


def _bytes(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir()}


def _tokenise(folder: Path, out: Path | None = None, net: TokenizerNet | None = None, name: str = PRINT, **options):
    chosen = TokenizeOptions(**options) if options else OPTIONS
    return tokenize_shards(folder, out or folder.with_name("tokens"), net or TinyNet(), name, chosen)


def test_every_picture_has_the_tokens_that_the_network_gives_it(folder: Path):
    before = _bytes(folder)
    done = _tokenise(folder)
    assert (done.samples, done.encoded, done.faulty, done.grid, done.bits) == (21, 21, 0, (2, 3), 6 * 4)
    reader = TokenReader(folder, done.folder, rules=Rules())
    assert load_index(done.folder).keys() == reader.keys()
    seen = set()
    for index in range(len(reader)):
        sample = reader.decoded(index)
        np.testing.assert_array_equal(sample.image_ids, _oracle(reader, index))
        assert sample.key == reader.key(index)
        seen |= set(sample.image_ids.tolist())
    assert len(seen) > 8
    assert _bytes(folder) == before


def test_the_recipe_says_what_made_the_tokens(folder: Path):
    recipe = load_index(_tokenise(folder).folder).recipe
    assert {k: recipe[k] for k in ("tokenizer", "factor", "grid", "codebook", "dtype")} == {
        "tokenizer": PRINT, "factor": 4, "grid": [2, 3], "codebook": 16, "dtype": "int16",
    }  # fmt: skip


def test_a_build_that_was_stopped_goes_on_to_the_same_bytes(folder: Path, tmp_path: Path):
    whole = TinyNet()
    _tokenise(folder, tmp_path / "whole", whole)
    assert whole.batches == [3, 3, 2, 3, 3, 2, 3, 2]  # no batch lies across two shards
    for stop in (0, 4, 7):
        out = tmp_path / f"stopped{stop}"
        with pytest.raises(KeyboardInterrupt):
            _tokenise(folder, out, TinyNet(stop_after=stop))
        rest = TinyNet()
        done = _tokenise(folder, out, rest)
        assert rest.batches == whole.batches[stop // 3 * 3 :]
        assert done.encoded == sum(rest.batches)
        assert _bytes(out) == _bytes(tmp_path / "whole")


def test_what_is_finished_is_not_done_again(folder: Path):
    _tokenise(folder)
    again = TinyNet()
    assert _tokenise(folder, net=again).encoded == 0
    assert again.batches == []


def test_tokens_of_another_tokenizer_are_not_mixed_in(folder: Path, tmp_path: Path):
    done = _tokenise(folder)
    with pytest.raises(DataError, match=rf"tokens of tokenizer {PRINT[:12]}, not of {OTHER[:12]}"):
        _tokenise(folder, name=OTHER)
    with pytest.raises(DataError, match=r"codebook|precision was 'float32' and is 'bfloat16'"):
        _tokenise(folder, precision="bfloat16")
    changed = _write(tmp_path / "b", seed=1)
    with pytest.raises(DataError, match="other settings or pictures"):
        _tokenise(changed, done.folder)
    with pytest.raises(KeyboardInterrupt):
        _tokenise(folder, tmp_path / "half", TinyNet(stop_after=4))
    with pytest.raises(DataError, match=rf"tokenizer was '{PRINT}' and is '{OTHER}'"):
        _tokenise(folder, tmp_path / "half", name=OTHER)


def test_pictures_that_do_not_fit_are_named_with_their_size(tmp_path: Path):
    odd = _write(tmp_path / "odd", n7=(8, 8))
    with pytest.raises(DataError, match=r"sample 'a-007' is 8x8, but the first sample is 12x8"):
        _tokenise(odd)
    with pytest.raises(DataError, match=r"sample 'a-000' is 12x8; width and height must be multiples of 8"):
        _tokenise(odd, tmp_path / "t", TinyNet(factor=8))


@pytest.mark.parametrize("bad", [{"batch_size": 0}, {"samples_per_shard": 0}, {"precision": "int8"}])
def test_options_out_of_range_are_refused(bad: dict):
    with pytest.raises(DataError, match=next(iter(bad))):
        TokenizeOptions(**bad)


def _spoil(folder: Path, key: str) -> None:
    """Overwrites the picture of a sample and makes the index anew."""
    reader = ShardReader(folder)
    index = reader.keys().index(key)
    row = reader.index.places[index]
    column = reader.index.extensions.index("jpg")
    path = folder / reader.shard(index)
    data = bytearray(path.read_bytes())
    start, length = int(row[f"offset{column}"]), int(row[f"length{column}"])
    data[start : start + length] = b"\0" * length
    path.write_bytes(data)
    build_index(folder)


def test_a_picture_that_cannot_be_read_has_no_tokens_and_is_replaced_like_any_faulty_sample(folder: Path):
    _spoil(folder, "a-000")
    _spoil(folder, "a-009")
    done = _tokenise(folder)
    assert done.faulty == 2
    data = FaceDataModule({"a": ShardDataset(folder, tokens=done.folder)}, {"image": ImageTask(7, flip=0)})
    keys, sound = [], []
    for batch in data.train_dataloader():
        keys += batch.keys
        sound += batch.valid.tolist()
    assert sound.count(False) == 2
    assert "a-009" not in keys
    assert sorted({*keys}) == [f"a-{n:03d}" for n in range(21) if n not in (0, 9)]


def test_too_many_faulty_pictures_stop_the_work(folder: Path):
    for number in range(12):
        _spoil(folder, f"a-{number:03d}")
    with pytest.raises(DataError, match="samples read were faulty"):
        _tokenise(folder)


def _splits(tmp_path: Path, name: str = "set", fingerprint: str = PRINT) -> ShardDataset:
    root = tmp_path / name
    for split, count in (("train", 21), ("val", 5)):
        _write(root / split, count, seed=len(split))
        _tokenise(root / split, tmp_path / f"{name}-tokens" / split, name=fingerprint)
    return ShardDataset(root, tokens=tmp_path / f"{name}-tokens")


def _check_val(data: FaceDataModule, pictures: bool) -> int:
    reader = ShardReader(data.datasets["a"].folder / "val")
    places = {key: index for index, key in enumerate(reader.keys())}
    rows = 0
    for batch in data.val_dataloader():
        assert (batch.image is not None) == pictures
        assert batch.image_ids.dtype == torch.int64
        for row, key in enumerate(batch.keys):
            np.testing.assert_array_equal(batch.image_ids[row], _oracle(reader, places[key]))
            if pictures:
                np.testing.assert_array_equal(batch.image[row].permute(1, 2, 0), reader.image(places[key]))
        rows += int(batch.valid.sum())
    return rows


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("read", [None, "both"])
def test_batches_hold_the_tokens_of_their_pictures(tmp_path: Path, read: str | None, workers: int):
    data = FaceDataModule({"a": _splits(tmp_path)}, {"image": ImageTask(4, flip=0)}, inputs=read, num_workers=workers)
    assert _check_val(data, pictures=read == "both") == 5


def test_pictures_are_not_decoded_when_only_tokens_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    data = FaceDataModule({"a": _splits(tmp_path)}, {"image": ImageTask(4, flip=0)})

    def never(*_: object) -> None:
        raise AssertionError("a picture was decoded")

    monkeypatch.setattr("unif2ace.data.shards.reader.decode_image", never)
    batch = next(iter(data.train_dataloader()))
    assert batch.image is None
    assert batch.image_ids.shape == (4, 6)
    both = iter(FaceDataModule(data.datasets, data.tasks, inputs="both").train_dataloader())
    with pytest.raises(AssertionError, match="decoded"):
        next(both)


def test_pictures_can_still_be_read_where_tokens_are(tmp_path: Path):
    data = FaceDataModule({"a": _splits(tmp_path)}, {"image": ImageTask(4)}, inputs="pixels")
    batch = next(iter(data.train_dataloader()))
    assert batch.image_ids is None
    assert batch.image.shape == (4, 3, 8, 12)
    data.expect_tokenizer(OTHER)  # pictures go with any


def test_the_tokenizer_is_known_and_another_is_refused_with_both_names(tmp_path: Path):
    tasks = {"image": ImageTask(4, flip=0)}
    data = FaceDataModule({"a": _splits(tmp_path)}, tasks)
    assert data.tokenizer_fingerprint == PRINT
    data.expect_tokenizer(PRINT)
    with pytest.raises(ConfigError, match=rf"image tokenizer {PRINT[:12]}, but the model uses {OTHER[:12]}"):
        data.expect_tokenizer(OTHER)
    mixed = FaceDataModule({"a": _splits(tmp_path, "b"), "c": _splits(tmp_path, "d", OTHER)}, tasks)
    with pytest.raises(ConfigError, match=rf"different tokenizers: a by {PRINT[:12]}, c by {OTHER[:12]}"):
        mixed.expect_tokenizer(PRINT)


def test_a_mirrored_picture_is_not_given_the_tokens_of_the_other(tmp_path: Path):
    data = FaceDataModule({"a": _splits(tmp_path)}, {"image": ImageTask(4, flip=0.5)}, inputs="both")
    with pytest.raises(ConfigError, match=r"flip=0.5: tokens cannot be mirrored"):
        next(iter(data.train_dataloader()))


def test_a_word_that_is_nothing_to_read_is_refused(folder: Path):
    with pytest.raises(ConfigError, match=r"data.inputs='token': it must be one of pixels, tokens, both, or null"):
        FaceDataModule({"a": ShardDataset(folder)}, {"image": ImageTask(4)}, inputs="token")


def test_tokens_that_are_missing_or_of_other_data_are_refused(folder: Path, tmp_path: Path):
    def opened(tokens: Path | None):
        return ShardDataset(folder, tokens=tokens).open("train", Rules(), "tokens")

    with pytest.raises(DataError, match="has no tokens: make them with `unif2ace-data tokenize`"):
        opened(None)
    with pytest.raises(DataError, match=r"the token folder .*nowhere does not exist"):
        opened(tmp_path / "nowhere")
    with pytest.raises(DataError, match="holds no tokens"):
        opened(folder)
    tokens = _tokenise(folder).folder
    assert len(opened(tokens)) == 21
    fewer = _tokenise(_write(tmp_path / "fewer", 20), tmp_path / "t20").folder
    with pytest.raises(DataError, match=r"tokens of 20 samples, .* 21"):
        opened(fewer)
    other = _tokenise(_write(tmp_path / "other", seed=9), tmp_path / "t9").folder
    with pytest.raises(DataError, match=r"the shards in .* changed after"):
        opened(other)
    with ShardWriter(tmp_path / "shuffled", required=("tokens.npy",)) as writer:
        for number in (0, 2, 1):
            writer.write_files(f"a-{number:03d}", {"tokens.npy": b"x"})
    with pytest.raises(DataError, match=r"sample 1 is 'a-002' in the tokens and 'a-001' in the pictures"):
        opened(tmp_path / "shuffled")


def test_a_shard_of_pictures_that_is_lost_does_not_shift_the_tokens(folder: Path):
    tokens = _tokenise(folder).folder
    (folder / "shard-000001.tar").unlink()
    reader = TokenReader(folder, tokens, rules=Rules(), strict=False)
    assert len(reader) == 15
    for index in range(len(reader)):
        np.testing.assert_array_equal(reader.decoded(index).image_ids, _oracle(reader, index))
    import pickle

    other = pickle.loads(pickle.dumps(reader))
    np.testing.assert_array_equal(other.decoded(14).image_ids, _oracle(reader, 14))


@pytest.mark.parametrize("value", [np.array([[1]]), np.array([0.5]), np.array([16]), np.array([-1])], ids=str)
def test_tokens_that_are_none_are_a_fault_of_their_sample(folder: Path, value: np.ndarray, tmp_path: Path):
    import io

    buffer = io.BytesIO()
    np.save(buffer, value)
    out = tmp_path / "t"
    with ShardWriter(out, required=("tokens.npy",), recipe={"codebook": 16}) as writer:
        for key in ShardReader(folder).keys():  # noqa: SIM118
            writer.write_files(key, {"tokens.npy": buffer.getvalue()})
    reader = TokenReader(folder, out, rules=Rules())
    with pytest.raises(DataError, match=r"shard-000000.tar, sample a-003: tokens"):
        reader.decoded(3)


def test_many_codes_take_four_bytes(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_Levels, "num_codes", 1 << 16)
    done = _tokenise(folder)
    assert load_index(done.folder).recipe["dtype"] == "int32"
    assert ShardReader(done.folder).value(0, "tokens.npy").dtype == np.int32
    assert done.bits == 6 * 16


def test_a_copy_of_the_pictures_goes_with_the_tokens(folder: Path, tmp_path: Path):
    tokens = _tokenise(folder).folder
    shutil.copytree(folder, tmp_path / "elsewhere")
    header = json.loads((tmp_path / "elsewhere" / "index.json").read_text())
    assert header["samples"] == 21
    assert len(TokenReader(tmp_path / "elsewhere", tokens, rules=Rules())) == 21
