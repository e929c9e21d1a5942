"""Trains one small unified model under every strategy and compares the results: one table, two CPU cores, minutes.

    python scripts/strategies.py [FOLDER] [--resume]

FOLDER keeps the runs; by default a temporary folder is used. --resume adds a second table: the checkpoint of step 20 of
each run is resumed under every strategy, and the loss after the last ten steps is compared with the single process.

The settings are: synthetic faces, an image tokenizer with random weights, global batch size 16, float32, AdamW with
gradient clipping, and one thread per process. `loss` is the validation loss after the last step. `weights` is the norm
of the difference to the weights w of the single process, divided by the norm of w. The exit status is 1 if the relative
difference of a loss is above 1e-5.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch
from omegaconf import OmegaConf

from unif2ace.engine import compose, instantiate
from unif2ace.engine.weights import read_weights, save_weights

STEPS, EVERY = 30, 10
TOLERANCE = 1e-5
RUNS = {
    "single": ["strategy=auto"],
    "ddp x2": ["strategy=ddp", "trainer.devices=2"],
    "fsdp x2": ["strategy=fsdp", "trainer.devices=2"],
    "tp x2": ["strategy=fsdp_tp", "trainer.devices=2"],
    "fsdp x1": ["strategy=fsdp"],
}
PATCHES = [
    "net=patch",
    "net.channels=[16]",
    "net.encoder_blocks=[0]",
    "net.decoder_blocks=[0]",
    "quantizer.num_codes=64",
]
SMALL = [
    "module=unified", "net=unified", "task=[text_to_image,understanding]", "loss=[d3diff,ar,load_balance]",
    "metric=[nelbo]", "lr_scheduler=cosine", "callbacks=[]",
    f"run_callbacks.checkpoint.every_n_train_steps={EVERY}",
    "run_callbacks.checkpoint.keep=9", "logger=none", f"trainer.max_steps={STEPS}", "trainer.accelerator=cpu",
    "moe.num_experts=4", "moe.top_k=2", f"data.steps_per_epoch={STEPS}", "data.max_eval_samples=8",
    "data.max_text_tokens=48", "task.text_to_image.batch_size=8", "task.understanding.batch_size=8", "image_size=32",
    "net.dim=64", "net.depth=3", "net.heads=4", "moe.expert_ffn_dim=32", "moe.shared_ffn_dim=128",
    "dataset.synthetic.num_samples=200", "dataset.synthetic.workers=1",
]  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """Result of a run: validation loss, and weights by name."""

    loss: float
    state: dict[str, torch.Tensor]


def make_tokenizer(folder: Path) -> Path:
    """An untrained image tokenizer."""
    torch.manual_seed(0)
    node = compose("train", ["module=tokenizer", "image_size=32", *PATCHES]).module.net
    config = OmegaConf.to_container(node, resolve=True)
    assert isinstance(config, dict)
    path = folder / "tokenizer" / "weights.safetensors"
    return save_weights(path, instantiate(node)(), kind="tokenizer", config=config).path


def train(name: str, words: list[str], folder: Path, tokenizer: Path) -> Outcome:
    """Runs a training in its own process group.

    Raises:
        RuntimeError: If the run fails. The message contains its output.
    """
    run_dir = folder / name.replace(" ", "_")
    command = [sys.executable, "-m", "unif2ace.commands.train", *SMALL, *words]
    command += [f"image_tokenizer={tokenizer}", f"hydra.run.dir={run_dir}"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "UNIF2ACE_ROOT": str(folder)}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as run:
        try:
            output, _ = run.communicate(timeout=900)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(run.pid, signal.SIGKILL)
    if run.returncode:
        raise RuntimeError(f"{name} failed:\n{output[-4000:]}")
    weights = read_weights(run_dir)
    return Outcome(weights.header["metrics"]["val/loss"], dict(weights.state))


def step_seconds(name: str, folder: Path) -> float:
    """Mean time in seconds of the last steps of a run, from the times of its checkpoints."""
    first, last = (checkpoint_of(name, folder, step) / "complete.json" for step in (STEPS - EVERY, STEPS))
    return (last.stat().st_mtime - first.stat().st_mtime) / EVERY


def checkpoint_of(name: str, folder: Path, step: int) -> Path:
    """Path of the checkpoint of a step."""
    return folder / name.replace(" ", "_") / "checkpoints" / f"step-{step:08d}"


def difference(one: Outcome, other: Outcome) -> float:
    """Norm of the difference of all weights, divided by the norm of the weights of `one`."""
    names = [name for name, value in one.state.items() if value.is_floating_point()]
    off = sum(float((one.state[name] - other.state[name]).double().square().sum()) for name in names)
    return (off / sum(float(one.state[name].double().square().sum()) for name in names)) ** 0.5


def compare(folder: Path, tokenizer: Path) -> tuple[float, bool]:
    """Prints the table of all strategies. Returns the loss of the single process, and whether all losses agree."""
    print(f"{'strategy':<10}{'loss':>14}{'difference':>13}{'weights':>11}{'ms a step':>11}")
    single: Outcome | None = None
    agree = True
    for name, words in RUNS.items():
        found = train(name, words, folder, tokenizer)
        single = single or found
        off = abs(found.loss - single.loss) / abs(single.loss)
        agree &= off <= TOLERANCE
        weights, milliseconds = difference(single, found), 1e3 * step_seconds(name, folder)
        print(f"{name:<10}{found.loss:>14.8f}{off:>13.1e}{weights:>11.1e}{milliseconds:>11.0f}", flush=True)
    assert single is not None
    return single.loss, agree


def resume_under_others(folder: Path, tokenizer: Path, loss: float) -> bool:
    """Prints the difference to `loss` of each run resumed under another strategy. Returns whether all losses agree."""
    print("\nDifference of the loss when a checkpoint of step 20 is resumed under another strategy")
    print(f"{'from':<10}" + "".join(f"{f'to {name}':>14}" for name in RUNS))
    agree = True
    for source in RUNS:
        print(f"{source:<10}", end="", flush=True)
        checkpoint = checkpoint_of(source, folder, STEPS - EVERY)
        for target, words in RUNS.items():
            found = train(f"{source} to {target}", [*words, f"resume={checkpoint}"], folder, tokenizer)
            off = abs(found.loss - loss) / abs(loss)
            agree &= off <= TOLERANCE
            print(f"{off:>14.1e}", end="", flush=True)
        print()
    return agree


def main(folder: Path, resume: bool) -> int:
    """Prints the tables. Returns 0 if all losses agree, else 1."""
    tokenizer = make_tokenizer(folder)
    loss, agree = compare(folder, tokenizer)
    if resume:
        agree &= resume_under_others(folder, tokenizer, loss)
    print("all agree" if agree else f"they differ by more than {TOLERANCE:.0e}")
    return 0 if agree else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, help="keeps the runs")
    parser.add_argument("--resume", action="store_true", help="also resume each run under every strategy")
    arguments = parser.parse_args()
    if arguments.folder:
        raise SystemExit(main(arguments.folder.resolve(), arguments.resume))
    with tempfile.TemporaryDirectory() as temporary:
        raise SystemExit(main(Path(temporary), arguments.resume))
