"""What a run leaves: weights that are those it averaged, checkpoints that say what they are, however it ends."""

from __future__ import annotations

import logging
import signal
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch

from unif2ace.checkpoints.finding import newest
from unif2ace.checkpoints.reading import read
from unif2ace.commands import train as command
from unif2ace.data.shards import load_index
from unif2ace.data.shards.fingerprint import index_fingerprint
from unif2ace.engine import compose, run_callbacks
from unif2ace.engine.snapshot import typed_command
from unif2ace.engine.weights import load_net, read_weights

SMALL = [
    "module=tokenizer", "net=patch", "net.channels=[32]", "net.encoder_blocks=[1]", "net.decoder_blocks=[1]",
    "quantizer.num_codes=16", "loss=[reconstruction]", "metric=[psnr]", "lr_scheduler=cosine", "logger=none",
    "dataset.synthetic.num_samples=60", "dataset.synthetic.size=32", "dataset.synthetic.workers=1",
    "task.image.batch_size=4", "data.steps_per_epoch=3", "data.max_eval_samples=2", "trainer.max_steps=6",
    "optimizer.lr=0.05",
]  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("root")


def _train(root: Path, run: Path, *words: str) -> dict[str, float]:
    config = compose("train", [*SMALL, f"paths.root={root}", f"run_dir={run}", *words])
    return command.train(config)


def test_the_weights_file_holds_the_averaged_weights_and_where_they_came_from(root: Path, tmp_path: Path):
    words = ["callbacks.ema.decay=0.7", "run_callbacks.checkpoint.every_n_train_steps=3", "seed=5"]
    metrics = _train(root, tmp_path, "callbacks=[ema]", *words)
    weights = read_weights(tmp_path)
    assert weights.path.name == "weights.safetensors"
    checkpoint = read(newest(tmp_path))
    for name, value in weights.state.items():
        torch.testing.assert_close(value, checkpoint["state_dict"][f"net.{name}"], rtol=0, atol=0)
    now = checkpoint["current_model_state"]
    assert any(not torch.equal(value, now[f"net.{name}"]) for name, value in weights.state.items())
    assert read_weights(newest(tmp_path)).fingerprint == weights.fingerprint

    header = weights.header
    assert (header["kind"], header["seed"], header["steps"], header["image_size"]) == ("tokenizer", 5, 6, [32, 32])
    assert header["metrics"]["val/psnr"] == pytest.approx(metrics["val/psnr"])
    assert header["code"]["torch"]
    assert header["commands"] == [typed_command()]
    (found,) = header["data"].values()
    folder = next((root / "data").iterdir())
    assert found["folder"] == folder.name
    index = load_index(folder / "train")
    assert found["train"] == {"samples": len(index), "fingerprint": index_fingerprint(index)}
    assert str(root) not in str(header)

    net: Any = load_net(weights, "tokenizer")
    assert net.factor == 4
    assert net.encode(torch.zeros(1, 3, 32, 32, dtype=torch.uint8)).shape == (1, 64)


def test_a_trial_run_writes_no_weights(root: Path, tmp_path: Path):
    _train(root, tmp_path, "callbacks=none", "debug=fast")
    assert not (tmp_path / "weights.safetensors").exists()


class _Stop(pl.Callback):
    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        if trainer.global_step == 4:
            raise KeyboardInterrupt


def _stopping(monkeypatch: pytest.MonkeyPatch) -> None:
    make = run_callbacks.instantiate_slots
    monkeypatch.setattr(
        run_callbacks,
        "instantiate_slots",
        lambda config, group, **more: make(config, group, **more) | ({"s": _Stop()} if group == "callbacks" else {}),
    )


def test_an_interrupted_run_leaves_weights_and_goes_on(root: Path, tmp_path: Path, monkeypatch, caplog):
    handler = signal.getsignal(signal.SIGINT)
    with monkeypatch.context() as patched, caplog.at_level(logging.INFO):
        _stopping(patched)
        with pytest.raises(SystemExit):
            _train(root, tmp_path, "callbacks=[ema]", "callbacks.ema.decay=0.7")
    assert signal.getsignal(signal.SIGINT) is handler, "the next Ctrl-C would be ignored"
    assert f"continue with: run_dir={tmp_path} resume=auto" in caplog.text
    weights = read_weights(tmp_path / "weights.safetensors")
    assert weights.header["steps"] == 4
    checkpoint = read(newest(tmp_path))
    assert checkpoint["global_step"] == 4
    for name, value in weights.state.items():
        torch.testing.assert_close(value, checkpoint["state_dict"][f"net.{name}"], rtol=0, atol=0)

    _train(root, tmp_path, "callbacks=[ema]", "callbacks.ema.decay=0.7", "resume=auto")
    again = read_weights(tmp_path / "weights.safetensors")
    assert again.header["steps"] == 6
    assert again.fingerprint != weights.fingerprint
    assert again.header["commands"] == [typed_command()] * 2


def test_a_run_interrupted_before_its_first_checkpoint_says_so(root: Path, tmp_path: Path, monkeypatch, caplog):
    _stopping(monkeypatch)
    with pytest.raises(SystemExit), caplog.at_level(logging.INFO):
        _train(root, tmp_path, "run_callbacks.checkpoint=null", "+trainer.enable_checkpointing=false")
    assert "there is no checkpoint to continue from" in caplog.text
    assert not (tmp_path / "weights.safetensors").exists()
