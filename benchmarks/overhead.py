"""What training takes beyond a bare loop: Lightning with the callbacks, and waiting for the loader.

`experiment=unified/quickstart` trains on a few synthetic faces. After each of its steps the same work is done bare, on
the same batch: forward pass, losses, backward pass, clipping and the optimizer's step. The median of the differences in
CPU time of each pair is reported as a share of the bare step. The wait is measured in wall time, in steps that follow.
"""

from __future__ import annotations

import contextlib
import io
import statistics
import tempfile
import time
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.profilers import SimpleProfiler

from unif2ace.callbacks.without_logger import without_logger
from unif2ace.commands import data as data_command
from unif2ace.engine.compose import compose
from unif2ace.engine.instantiate import instantiate, instantiate_slots
from unif2ace.engine.quiet import hush
from unif2ace.nets.gradients import clip_gradients_

COMMAND = "python -m benchmarks overhead"
FACES, WARM, PAIRS, ALONE = 300, 2, 10, 10
FETCH = "[_TrainingEpochLoop].train_dataloader_next"


class Bare(pl.Callback):
    """Repeats the work of each of the first steps without Lightning; then lets the steps run alone."""

    def __init__(self) -> None:
        self.lightning: list[float] = []
        self.bare: list[float] = []
        self.end, self.alone = 0.0, 0.0

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Measures the step that ends, and its work done bare."""
        now = time.process_time()
        if batch_idx >= WARM + PAIRS:
            return
        if batch_idx >= WARM:
            self.lightning.append(now - self.end)
        start = time.process_time()
        _bare_step(trainer, pl_module, batch)
        self.end, self.alone = time.process_time(), time.perf_counter()
        if batch_idx >= WARM:
            self.bare.append(self.end - start)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Wall time of the steps that ran alone."""
        self.alone = time.perf_counter() - self.alone


def _bare_step(trainer: pl.Trainer, module: Any, batch: Any) -> None:
    with trainer.precision_plugin.forward_context():
        step = module.step_output(batch)
        loss = sum(loss.weight * term.mean for loss, term in module.terms(step))
    loss.backward()
    optimizer = module.optimizers(use_pl_optimizer=False)
    clip_gradients_((p for group in optimizer.param_groups for p in group["params"]), trainer.gradient_clip_val)
    optimizer.step()
    optimizer.zero_grad()


def main() -> list[dict[str, Any]]:
    """Rows of figure, value, unit, target and command."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        bare, profiler = _train(_data(folder), folder)
    torch.set_num_threads(threads)
    share = statistics.median((a - b) / b for a, b in zip(bare.lightning, bare.bare, strict=True))
    waits = profiler.recorded_durations[FETCH][-ALONE:]
    return [
        _row("a bare step", statistics.median(bare.bare), "CPU s"),
        _row("Lightning and callbacks beyond a bare step", 100 * share, "%", "<= 5"),
        _row("waiting for the loader", 100 * sum(waits) / bare.alone, "% of a step", "<= 2"),
    ]


def _row(figure: str, value: float, unit: str, target: str = "") -> dict[str, Any]:
    return {"figure": figure, "value": value, "unit": unit, "target": target, "command": COMMAND}


def _data(folder: str) -> list[str]:
    """Writes faces with their tokens; returns the overrides that read them."""
    faces, tokens = f"{folder}/faces", f"{folder}/tokens"
    data_command.build(compose("build", [f"source.num_samples={FACES}", f"folder={faces}"]))
    data_command.tokenize(compose("tokenize", [f"folder={faces}", "ckpt=builtin", f"out={tokens}"]))
    read = ["dataset=shards", f"dataset.shards.folder={faces}", f"dataset.shards.tokens={tokens}", "data.inputs=both"]
    return [*read, "image_tokenizer=builtin", "classifier=builtin", "image_size=64"]


def _train(read: list[str], folder: str) -> tuple[Bare, SimpleProfiler]:
    hush()
    steps = WARM + PAIRS + ALONE
    length = [f"trainer.max_steps={steps}", f"data.steps_per_epoch={steps}", f"run_dir={folder}/run"]
    config = compose("train", ["experiment=unified/quickstart", *read, *length])
    callbacks = instantiate_slots(config.callbacks, "callbacks")
    losses = instantiate_slots(config.loss, "loss")
    bare, profiler = Bare(), SimpleProfiler()
    trainer = instantiate(
        config.trainer,
        callbacks=[*losses.values(), *without_logger(callbacks).values(), bare],
        logger=False,
        profiler=profiler,
    )
    trainer.fit(instantiate(config.module), datamodule=instantiate(config.data))
    return bare, profiler


if __name__ == "__main__":
    for row in main():
        print(f"{row['figure']}: {row['value']:.3g} {row['unit']} {row['target']}")
