"""Overhead of training relative to a bare loop: Lightning with the callbacks, and waiting for the data loader.

`experiment=unified/quickstart` trains on a few synthetic faces. After each step, a bare step repeats the work on the
same batch: forward pass, losses, backward pass, gradient clipping and optimiser step. The result is the median over
these pairs of (Lightning step - bare step) / bare step, in CPU time. The waiting time is measured in later steps, in
wall time.
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
    """Repeats the first steps without Lightning. Later steps run undisturbed."""

    def __init__(self) -> None:
        self.lightning: list[float] = []
        self.bare: list[float] = []
        self.end, self.alone = 0.0, 0.0

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Records the time of the Lightning step, then runs and measures a bare step."""
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
        """Records the wall time of the undisturbed steps."""
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
    """Returns the result rows with figure, value, unit, target and command."""
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
    """Writes faces and their tokens, and returns the overrides that read these files."""
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
