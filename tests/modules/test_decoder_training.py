"""Training of a new decoder for a trained tokenizer: tokens stay the same, and models load with the new decoder."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch

from unif2ace.commands import train as command
from unif2ace.engine import compose
from unif2ace.engine.run_metadata import components
from unif2ace.engine.weights import Weights, load_net, read_weights, save_weights
from unif2ace.errors import ConfigError
from unif2ace.inference.release import open_release

SMALL = [
    "module=tokenizer", "net=patch", "net.channels=[32]", "net.encoder_blocks=[1]", "net.decoder_blocks=[1]",
    "quantizer=vq", "codebook_size=16", "loss=[reconstruction]", "metric=[psnr]", "lr_scheduler=none", "logger=none",
    "dataset.synthetic.num_samples=60", "dataset.synthetic.size=32", "dataset.synthetic.workers=1",
    "task.image.batch_size=4", "data.steps_per_epoch=2", "data.max_eval_samples=2", "trainer.max_steps=2",
    "callbacks=[ema]", "optimizer.lr=0.05",
]  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("root")


def _train(root: Path, name: str, *words: str) -> Weights:
    command.train(compose("train", [*SMALL, f"paths.root={root}", f"run_dir={root / name}", *words]))
    return read_weights(root / name)


@pytest.fixture(scope="module")
def first(root: Path) -> Weights:
    return _train(root, "first")


def _decoder(root: Path, first: Weights, name: str, *words: str) -> Weights:
    return _train(root, name, "module.decoder_only=true", f"init_from={first.path}", *words)


@pytest.mark.parametrize("words", [[], ["net.decoder_channels=[48]", "net.decoder_blocks=[2]"]], ids=["same", "larger"])
def test_encoder_and_quantizer_stay_and_the_decoder_learns(root: Path, first: Weights, words: list[str], caplog):
    with caplog.at_level(logging.INFO):
        new = _decoder(root, first, f"decoder{len(words)}", *words)
    kept = [name for name in first.state if not name.startswith("decoder.")]
    assert {name.split(".")[0] for name in kept} == {"encoder", "quantizer"}
    assert all(torch.equal(new.state[name], first.state[name]) for name in kept)
    assert not torch.equal(new.state["decoder.0.weight"][:1], first.state["decoder.0.weight"][:1])
    assert ("the decoder of this run starts untrained" in caplog.text) == bool(words)

    pictures = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8)
    before, after = load_net(first, "tokenizer"), load_net(new, "tokenizer")
    assert torch.equal(before.encode(pictures), after.encode(pictures))
    assert not torch.equal(before.decode(before.encode(pictures)), after.decode(after.encode(pictures)))
    assert new.fingerprint != first.fingerprint
    assert new.component_fingerprint == first.component_fingerprint


def test_another_encoder_or_quantizer_has_another_fingerprint(first: Weights, tmp_path: Path):
    seen = {first.component_fingerprint}
    for number, name in enumerate(("encoder.1.bias", next(n for n in first.state if n.startswith("quantizer.")))):
        state = {**first.state, name: first.state[name] + 1}
        seen.add(
            save_weights(tmp_path / f"{number}", state, kind=first.kind, config=first.config).component_fingerprint
        )
    quantizer = {**first.config["quantizer"], "num_codes": 17}
    other = save_weights(tmp_path / "q", first.state, kind=first.kind, config={**first.config, "quantizer": quantizer})
    assert len(seen | {other.component_fingerprint}) == 4


def test_a_model_opens_with_a_new_decoder_but_not_with_another_encoder(root: Path, first: Weights, tmp_path: Path):
    new = _decoder(root, first, "for a model")
    node = {"_target_": "unif2ace.engine.weights.load_net", "path": str(first.path), "kind": "tokenizer"}
    header = {"module": {}, "components": components({"image_tokenizer": node})}
    save_weights(tmp_path / "weights.safetensors", torch.nn.Linear(1, 1), kind="unified", config={}, provenance=header)
    (tmp_path / "tokenizer.json").write_text("{}")
    opened = open_release(tmp_path, {"tokenizer": new.path})
    assert opened.components["tokenizer"].fingerprint == new.fingerprint
    other = _train(root, "other", "seed=3")
    with pytest.raises(Exception, match="was trained with the tokenizer"):
        open_release(tmp_path, {"tokenizer": other.path})


def test_training_a_decoder_without_a_tokenizer_is_refused(root: Path):
    with pytest.raises(ConfigError, match=r"decoder_only=true .*init_from="):
        _train(root, "none", "module.decoder_only=true")


def test_an_encoder_that_was_built_otherwise_is_refused(root: Path, first: Weights):
    with pytest.raises(ConfigError, match=r"init_from=.*encoder"):
        _decoder(root, first, "otherwise", "net.channels=[48]")
