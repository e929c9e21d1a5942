"""What is computed from data is computed once: later runs read the same bits, others compute anew."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch
from test_datamodule import write_folder
from torch import Tensor

from unif2ace.data import result_cache
from unif2ace.data.datamodule import FaceDataModule
from unif2ace.data.datasets.shards import ShardDataset
from unif2ace.data.result_cache import FOLDER, KEPT, cached_tensors
from unif2ace.data.tasks.text_to_image import TextToImageTask


class Counted:
    """Computes random tensors, and counts how often."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> dict[str, Tensor]:
        self.times += 1
        return {"words": torch.randn(5, 3).T, "bias": torch.full((2,), float("nan"))}


def _same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    bits = [{k: v.contiguous().view(torch.uint8) for k, v in found.items()} for found in (one, other)]
    return all(torch.equal(bits[0][name], bits[1][name]) for name in bits[0].keys() | bits[1].keys())


def test_the_same_settings_give_the_same_bits_without_computing(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    compute = Counted()
    with caplog.at_level(logging.INFO):
        first = cached_tensors(tmp_path, "word vectors", {"seed": 1}, compute)
        assert "word vectors: computed in" in caplog.text
        again = cached_tensors(tmp_path, "word vectors", {"seed": 1}, compute)
    assert compute.times == 1
    assert _same(first, again)
    assert "word vectors: read from" in caplog.text
    (kept,) = (tmp_path / FOLDER).iterdir()  # no lock and no partial file
    kept.write_bytes(kept.read_bytes()[:-3])
    cached_tensors(tmp_path, "word vectors", {"seed": 1}, compute)
    assert compute.times == 2
    cached_tensors(tmp_path, "word vectors", {"seed": 1}, compute)
    assert compute.times == 2


def test_other_settings_and_other_code_compute_anew_and_old_results_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    compute = Counted()
    for seed in range(KEPT):
        cached_tensors(tmp_path, "word vectors", {"seed": seed}, compute)
    monkeypatch.setattr(result_cache, "code_fingerprint", lambda: "changed")
    cached_tensors(tmp_path, "word vectors", {"seed": KEPT - 1}, compute)
    assert compute.times == KEPT + 1
    assert len([*(tmp_path / FOLDER).iterdir()]) == KEPT


def test_a_folder_that_cannot_be_written_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    compute = Counted()
    (tmp_path / FOLDER).touch()
    for _ in range(2):
        cached_tensors(tmp_path, "word vectors", {}, compute)
    assert compute.times == 2
    assert "word vectors: not cached for later runs" in caplog.text


def test_an_error_of_the_work_is_raised_and_nothing_is_kept(tmp_path: Path):
    with pytest.raises(ZeroDivisionError):
        cached_tensors(tmp_path, "word vectors", {}, lambda: {"words": torch.ones(1 // 0)})
    assert not [*tmp_path.glob(f"{FOLDER}/*")]


def test_data_text_tokenizer_and_options_are_part_of_the_key(tmp_path: Path):
    compute = Counted()
    small, large = (write_folder(tmp_path / name, name, train, 2) for name, train in (("small", 9), ("large", 17)))
    task = {"text_to_image": TextToImageTask(4)}

    def of(folder: Path, settings: int = 0, **options: object) -> None:
        FaceDataModule({"faces": ShardDataset(folder)}, task, **options).cached("words", {"n": settings}, compute)

    of(small)
    of(small, num_workers=2)
    assert compute.times == 1
    for times, options in enumerate(({"seed": 1}, {"max_text_tokens": 9}, {"text_tokenizer": large}), start=2):
        of(small, **options)
        assert compute.times == times, options
    of(small, settings=1)
    assert compute.times == 5
    (small / "train").rename(tmp_path / "before")
    (large / "train").rename(small / "train")
    of(small)
    assert compute.times == 6
