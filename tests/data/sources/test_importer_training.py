"""Every importer's result trains the unified model for an epoch."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from layouts import LAYOUTS

from unif2ace.commands import train
from unif2ace.data.build import BuildOptions, build_shards
from unif2ace.data.sources.parquet import ParquetSource
from unif2ace.engine import compose

TINY = [
    "experiment=unified/quickstart", "dataset=shards", "trainer.max_steps=-1", "trainer.max_epochs=1",
    "data.steps_per_epoch=null", "trainer.limit_val_batches=0", "trainer.log_every_n_steps=1", "callbacks=none",
    "logger=none", "metric=[]", "net.dim=32", "net.depth=1", "net.heads=2", "net.grounded_words=false",
    "moe.num_experts=2", "moe.expert_ffn_dim=16", "moe.shared_ffn_dim=32", "moe.und_experts=[copy,copy]",
    "visual_encoder=none", "data.max_text_tokens=64", "task.text_to_image.batch_size=2",
    "task.understanding.batch_size=2",
]  # fmt: skip


def one_epoch(source, root: Path) -> None:
    options = BuildOptions(validation=0, num_questions=4, vocab_size=300, samples_per_shard=2)
    assert build_shards(source, root / "faces", options) == {"train": 4}
    words = [f"dataset.shards.folder={root / 'faces'}", f"run_dir={root / 'run'}", f"paths.root={root}"]
    metrics = train.train(compose("train", [*TINY, *words]))
    losses = {name: value for name, value in metrics.items() if "loss" in name}
    assert losses
    assert all(math.isfinite(value) for value in losses.values())
    assert (root / "run" / "weights.safetensors").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(LAYOUTS))
def test_an_epoch_on_what_an_importer_made(name: str, tmp_path: Path):
    layout = LAYOUTS[name]
    layout.options["size"] = 64
    try:
        one_epoch(layout.read(layout.make(tmp_path / "given")), tmp_path)
    finally:
        layout.options.pop("size")


@pytest.mark.slow
def test_an_epoch_on_a_parquet_file(tmp_path: Path):
    arrow = pytest.importorskip("pyarrow", reason="needs the extra parquet: `make test-extras` runs this")
    from pyarrow import parquet

    layout = LAYOUTS["hf_unif2ace"]
    layout.make(tmp_path / "given")
    rows = [{"image": layout.name(n), "captions": [f"A face, number {n}."]} for n in range(4)]
    parquet.write_table(arrow.Table.from_pylist(rows), tmp_path / "given" / "t.parquet")
    one_epoch(ParquetSource(path=str(tmp_path / "given"), license="CC0-1.0", size=64), tmp_path)
