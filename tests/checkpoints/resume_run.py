"""A small run of `unif2ace-train` that may kill itself: resume_run.py KILL_AT key=value ...

In a file of its own because it is started as a process that dies.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import lightning.pytorch as pl

from unif2ace.commands import train
from unif2ace.engine import run_callbacks

SMALL = [
    "module=tokenizer", "net=patch", "net.channels=[32]", "net.encoder_blocks=[1]", "net.decoder_blocks=[1]",
    "quantizer.num_codes=16", "loss=[reconstruction]", "metric=[psnr]", "lr_scheduler=cosine", "logger=[csv]",
    "dataset.synthetic.num_samples=60", "dataset.synthetic.size=32", "dataset.synthetic.workers=1",
    "task.image.batch_size=4", "data.steps_per_epoch=4", "data.max_eval_samples=2", "trainer.max_steps=9",
    "optimizer.lr=0.05", "callbacks=[ema]", "callbacks.ema.decay=0.7",
    "run_callbacks.checkpoint.every_n_train_steps=2", "+logger.csv.flush_logs_every_n_steps=1",
    "trainer.log_every_n_steps=1",
]  # fmt: skip


class Kills(pl.Callback):
    """Ends the process without a word."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_start(self, trainer: pl.Trainer, *_: Any) -> None:
        if trainer.global_step == self.step:
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    kill = int(sys.argv[1])
    sys.argv = ["unif2ace-train", *SMALL, *sys.argv[2:]]
    make = run_callbacks.instantiate_slots

    def with_killer(config: Any, group: str, **more: Any) -> dict[str, Any]:
        return make(config, group, **more) | ({"kills": Kills(kill)} if group == "callbacks" else {})

    run_callbacks.instantiate_slots = with_killer
    train.main()


if __name__ == "__main__":
    main()
