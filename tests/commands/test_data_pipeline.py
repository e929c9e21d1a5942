"""`unif2ace-data pipeline`: from pictures to a set with corrected captions and questions, in one command."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from scenes import encoded, make_scene

from unif2ace.commands import annotation
from unif2ace.data.shards import ShardReader
from unif2ace.engine import compose
from unif2ace.errors import ConfigError

COUNT = 4


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(COUNT):
        scene = make_scene(number, [128], [10.0 * number - 15], 200, 180)
        (folder / f"{number}.jpg").write_bytes(encoded(scene.pixels, "jpg")[0])
        facts = {"landmarks": [face.tolist() for face in scene.landmarks]}
        (folder / f"{number}.json").write_text(json.dumps(facts))
    return folder


# "synthetic" pictures of 64 pixels are those that the package's own classifier knows
COLLECT = [
    "license=CC0-1.0",
    "detector=landmarks",
    "name=synthetic",
    "size=64",
    "validation=0",
    "filter=[]",
    "workers=1",
]
KEYS = {"collect": COLLECT, "caption": ["by=classifier", "vocab_size=300"], "correct": ["vocab_size=300"],
        "ask": ["vocab_size=300"]}  # fmt: skip


def config(pictures: Path, **more: list[str]):
    keys = [f"{step}={json.dumps(words)}" for step, words in {**KEYS, **more}.items()]
    return compose("pipeline", [f"path={pictures}", f"out={pictures.parent / 'out'}", *keys])


def test_all_steps_in_a_row(pictures: Path, capsys: pytest.CaptureFixture[str]):
    last = annotation.pipeline(config(pictures))
    samples = list(ShardReader(last / "train"))
    assert len(samples) == COUNT
    for sample in samples:
        assert sample.metadata.provenance["steps"] == ["collect", "caption", "correct", "ask"]
        assert sample.metadata.license == "CC0-1.0"
        assert sample.metadata.caption
        assert sample.metadata.qa
    assert {step.name for step in last.parent.iterdir() if step.is_dir()} == {"collect", "caption", "correct", "ask"}
    capsys.readouterr()
    written = (last / "train" / "shard-000000.tar").stat().st_mtime_ns
    assert annotation.pipeline(config(pictures)) == last
    assert capsys.readouterr().out.count("\n0 samples in ") >= 3, "finished steps are passed over"
    assert (last / "train" / "shard-000000.tar").stat().st_mtime_ns == written


def test_a_step_without_its_language_model_is_named(pictures: Path):
    with pytest.raises(ConfigError, match="by=model needs a language model"):
        annotation.pipeline(config(pictures, caption=["by=model"]))
