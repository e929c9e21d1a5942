"""Interrupts a small run repeatedly and compares its result with that of an uninterrupted run.

    python scripts/interruptions.py [--ranks 1 2] [--times 20] [--seed 0] [--folder logs/interruptions]

A tiny unified model trains on synthetic faces, with weight averaging, a learning-rate schedule, noise and both tasks.
At a random moment of a random step, one of its processes gets one of these faults, in turn:

    sigterm     the process is preempted
    sigkill     the process is killed
    disk full   the next checkpoint cannot be written
    torn write  the process is killed when half of a file of the next checkpoint is written
    rot         the process is killed, and then a file of the newest checkpoint is cut in half

After each fault the run is restarted with ``resume=auto``. The result must be bit-identical to the uninterrupted run:
the samples and loss of every batch in all attempts, and the final weights, averaged weights, optimiser and schedule.
The script prints a table and writes it as JSON. The exit status is 0 if all is equal. The script takes some minutes,
because each attempt is a new process.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor

from unif2ace.checkpoints.finding import newest
from unif2ace.checkpoints.reading import read

FAULTS = ("sigterm", "sigkill", "disk full", "torn write", "rot")
INSIDE = ("disk full", "torn write")
"""Faults inside the writer, which the process injects itself."""
EVERY = 3
"""Steps between two checkpoints."""
PLAN = "UNIF2ACE_INTERRUPTION"
SAVED = ("state_dict", "current_model_state", "optimizer_states", "lr_schedulers", "global_step", "random_state")
PATIENCE = 900

TINY = [
    "paths.root={root}", "image_size=32", "dataset.synthetic.num_samples=200", "dataset.synthetic.workers=1",
    "logger=none", "trainer.precision=32-true", "trainer.accelerator=cpu",
]  # fmt: skip
TOKENIZER = [
    "module=tokenizer", "net=patch", "net.channels=[16,16]", "net.encoder_blocks=[1,1]", "net.decoder_blocks=[1,1]",
    "quantizer.num_codes=32", "loss=[reconstruction]", "metric=[psnr]", "callbacks=none", "task.image.batch_size=4",
    "trainer.max_steps=3", "trainer.limit_val_batches=0",
]  # fmt: skip
UNIFIED = [
    "experiment=unified/synthetic", "visual_encoder=none", "~visual_encoder.classifier", "codebook_size=32",
    "data.max_text_tokens=48", "data.steps_per_epoch=17", "data.max_eval_samples=4",
    "task.text_to_image={{batch_size: 4, caption: short}}", "task.understanding={{batch_size: 4, caption: short}}",
    "net.dim=32", "net.depth=2", "net.heads=2",
    "moe={{num_experts: 4, top_k: 2, expert_ffn_dim: 16, shared_ffn_dim: 32, und_experts: [copy, copy]}}",
    "callbacks=[ema]", f"run_callbacks.checkpoint.every_n_train_steps={EVERY}",
    "+callbacks.witness._target_=interruptions.Witness", "+callbacks.witness.folder={run}",
    "engine.allow=[interruptions.]", "image_tokenizer={root}/tokenizer", "run_dir={run}", "hydra.run.dir={run}",
]  # fmt: skip


class Witness(pl.Callback):
    """Records the samples and loss of each batch, and injects the faults that occur while a checkpoint is written."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)
        self.plan: dict[str, Any] = json.loads(os.environ.get(PLAN, "{}"))

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        step, rank = trainer.global_step, trainer.global_rank
        line = {"step": step, "pid": os.getpid(), "rows": batch.index.tolist(), "loss": float(outputs["loss"]).hex()}
        with witness_file(self.folder, rank).open("a") as file:
            file.write(json.dumps(line) + "\n")
        if self.plan and self.plan["rank"] == rank and step >= self.plan["step"]:
            break_writing(self.plan["fault"])
            self.plan = {}


def break_writing(fault: str) -> None:
    """Makes the next file sync fail, or truncates the file."""
    sync = os.fsync

    def broken(file: int) -> None:
        os.fsync = sync
        if fault == "disk full":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.ftruncate(file, os.fstat(file).st_size // 2)
        os.kill(os.getpid(), signal.SIGKILL)

    os.fsync = broken


def witness_file(run: Path, rank: int) -> Path:
    return run / f"witness-{rank}.jsonl"


def witnessed(run: Path, rank: int) -> list[dict[str, Any]]:
    """All recorded batches of a rank, from all attempts. An incomplete line is ignored."""
    file = witness_file(run, rank)
    lines = file.read_text().splitlines(keepends=True) if file.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


@dataclass
class Attempt:
    """One fault and its outcome."""

    fault: str
    rank: int
    step: int
    status: int | None = None
    came_to: int = 0
    saved: int = 0

    @property
    def as_promised(self) -> bool:
        """Whether a preempted run saved its last step, and any other run lost only the steps since the last save."""
        if self.fault == "sigterm":
            return self.status == 128 + signal.SIGTERM and self.saved == self.came_to
        lost = (3 if self.fault == "rot" else 2) * EVERY
        return self.status not in (0, None) and self.came_to - self.saved < lost


class Harness:
    """Starts, interrupts and compares runs with a given number of ranks.

    Args:
        root: Folder of data, tokenizer and runs.
        ranks: Number of processes.
        steps: Number of steps of a complete run.
    """

    def __init__(self, root: Path, ranks: int, steps: int) -> None:
        self.root, self.ranks, self.steps = root, ranks, steps

    def start(self, run: Path, attempt: Attempt | None = None, resume: bool = False) -> subprocess.Popen[bytes]:
        """Starts the run, or resumes it."""
        run.mkdir(parents=True, exist_ok=True)
        words = [*TINY, *UNIFIED, f"trainer.max_steps={self.steps}", f"trainer.devices={self.ranks}"]
        words += ["strategy=ddp", "strategy.timeout=120"] if self.ranks > 1 else []
        words += ["resume=auto"] if resume else []
        plan = asdict(attempt) if attempt is not None and attempt.fault in INSIDE else {}
        return launch([w.format(root=self.root, run=run) for w in words], run / "output.txt", plan)

    def interrupt(self, run: Path, attempt: Attempt, resume: bool, draw: random.Random) -> None:
        """Runs one attempt with its fault, until all its processes have ended."""
        before = [len(witnessed(run, rank)) for rank in range(self.ranks)]
        process = self.start(run, attempt, resume)
        try:
            if attempt.fault not in INSIDE:
                pid = self._wait(run, attempt, before[attempt.rank], process)
                time.sleep(draw.random() * 0.2)
                os.kill(pid, signal.SIGTERM if attempt.fault == "sigterm" else signal.SIGKILL)
            attempt.status = process.wait(PATIENCE)
            self._wait_for_all(run)
        finally:
            end(process)
        if attempt.fault == "rot":
            rot(newest(run))
        attempt.came_to = max(line["step"] for rank in range(self.ranks) for line in witnessed(run, rank))
        found = newest(run)
        attempt.saved = int(found.name.split("-")[1]) if found else 0

    def _wait(self, run: Path, attempt: Attempt, before: int, process: subprocess.Popen[bytes]) -> int:
        """Waits until the rank of the attempt has reached its step, and returns the process id of the rank."""
        while True:
            new = witnessed(run, attempt.rank)[before:]
            if new and new[-1]["step"] >= attempt.step:
                return int(new[-1]["pid"])
            if process.poll() is not None:
                raise SystemExit(f"the run ended before its fault was injected; see {run / 'output.txt'}")
            time.sleep(0.01)

    def _wait_for_all(self, run: Path) -> None:
        pids = [lines[-1]["pid"] for rank in range(self.ranks) if (lines := witnessed(run, rank))]
        until = time.monotonic() + PATIENCE
        while any(Path(f"/proc/{pid}/cmdline").exists() and runs(pid) for pid in pids):
            if time.monotonic() > until:
                raise SystemExit(f"a process of the run is still running after a timeout; see {run / 'output.txt'}")
            time.sleep(0.1)

    def compare(self, alone: Path, run: Path) -> list[str]:
        """The differences between two runs; empty if all is equal."""
        found = []
        for rank in range(self.ranks):
            right = {line["step"]: (line["rows"], line["loss"]) for line in witnessed(alone, rank)}
            lines = witnessed(run, rank)
            wrong = [line["step"] for line in lines if (line["rows"], line["loss"]) != right[line["step"]]]
            found += [f"rank {rank}: samples or loss of steps {sorted(set(wrong))}"] if wrong else []
            found += [] if {x["step"] for x in lines} == right.keys() else [f"rank {rank}: steps are missing"]
        one, other = read(newest(alone)), read(newest(run))
        return found + [part for part in SAVED if not equal(one.get(part), other.get(part))]


def launch(words: Sequence[str], output: Path, plan: dict[str, Any] | None = None) -> subprocess.Popen[bytes]:
    here = str(Path(__file__).resolve().parent)
    environment = os.environ | {
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join([here, os.environ.get("PYTHONPATH", "")]),
        PLAN: json.dumps(plan or {}),
    }
    command = [sys.executable, "-m", "unif2ace.commands.train", *words]
    with output.open("ab") as file:
        return subprocess.Popen(command, env=environment, stdout=file, stderr=file, start_new_session=True)


def end(process: subprocess.Popen[bytes]) -> None:
    """Kills the remaining processes of a run."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def runs(pid: int) -> bool:
    """Whether a process is running, not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def rot(checkpoint: Path | None) -> None:
    """Cuts the largest file of a checkpoint in half."""
    if checkpoint is not None:
        largest = max(checkpoint.iterdir(), key=lambda file: file.stat().st_size)
        os.truncate(largest, largest.stat().st_size // 2)


def equal(one: Any, other: Any) -> bool:
    """Whether two nested values are bit-identical."""
    if isinstance(one, Tensor):
        return isinstance(other, Tensor) and one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(value, other[key]) for key, value in one.items())
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    return bool(one == other)


def finish(process: subprocess.Popen[bytes], output: Path) -> None:
    """Waits for a run that must succeed."""
    try:
        status = process.wait(PATIENCE)
    finally:
        end(process)
    if status:
        raise SystemExit(f"status {status}; see {output}:\n{output.read_text()[-2000:]}")


def trial(root: Path, ranks: int, times: int, seed: int) -> bool:
    """Runs the whole comparison for a number of ranks. Returns whether all results were equal and as promised."""
    draw = random.Random(seed)
    steps = 4 * times + EVERY + 2
    harness = Harness(root, ranks, steps)
    alone, run = root / f"alone-{ranks}", root / f"interrupted-{ranks}"
    finish(harness.start(alone), alone / "output.txt")
    planned = sorted(draw.sample(range(2, steps - EVERY), times))
    attempts: list[Attempt] = []
    print(f"{ranks} rank(s), {steps} steps, a checkpoint every {EVERY}\n")
    print(f"{'fault':<12}{'rank':>5}{'planned':>9}{'came to':>9}{'saved':>7}{'status':>8}  as promised")
    for number, step in enumerate(planned):
        fault = FAULTS[number % len(FAULTS)]
        rank = 0 if fault in INSIDE else draw.randrange(ranks)  # the first rank writes
        attempt = Attempt(fault, rank, step)
        harness.interrupt(run, attempt, number > 0, draw)
        attempts.append(attempt)
        a, kept = attempt, "yes" if attempt.as_promised else "NO"
        print(f"{a.fault:<12}{a.rank:>5}{a.step:>9}{a.came_to:>9}{a.saved:>7}{a.status!s:>8}  {kept}", flush=True)
    finish(harness.start(run, resume=True), run / "output.txt")
    different = harness.compare(alone, run)
    result = f"DIFFERENT: {'; '.join(different)}" if different else "bit for bit the same"
    print(f"\n{len(witnessed(run, 0)) - steps} steps were done twice; at the end {result}\n", flush=True)
    report = {"ranks": ranks, "steps": steps, "attempts": [asdict(a) for a in attempts], "different": different}
    (root / f"interruptions-{ranks}.json").write_text(json.dumps(report, indent=1) + "\n")
    return not different and all(a.as_promised for a in attempts)


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=Path("logs/interruptions"))
    chosen = parser.parse_args()
    root = chosen.folder.resolve()
    if any(root.glob("interrupted-*")):
        raise SystemExit(f"{root} holds an earlier trial: remove this folder, or give another --folder")
    root.mkdir(parents=True, exist_ok=True)
    words = [*TINY, *TOKENIZER, "run_dir={root}/tokenizer", "hydra.run.dir={root}/tokenizer"]
    finish(launch([w.format(root=root) for w in words], root / "tokenizer.txt"), root / "tokenizer.txt")
    results = [trial(root, ranks, chosen.times, chosen.seed) for ranks in chosen.ranks]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
