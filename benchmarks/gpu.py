"""Training speed on GPUs (one GPU and FSDP, eager and compiled, in bfloat16), and speed of attention kernels.

Each variant runs in its own process and trains on one repeated batch of synthetic faces. The results are images/s,
tokens/s, and peak memory with the prediction of `--plan`. All variants together take at most 8 minutes: variants after
that time are reported as not run. `--device cpu` runs the same code with a tiny network, to test this file.

    python -m benchmarks.gpu
    python -m benchmarks.gpu --device cpu --steps 2 --only single
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from torch.utils.data import DataLoader

from unif2ace.engine.compose import compose
from unif2ace.engine.instantiate import instantiate, instantiate_slots
from unif2ace.nets.transformer.kernels import Kernel, Mask, attend
from unif2ace.planning.plan import make_plan
from unif2ace.sequence.attention import omni_attention
from unif2ace.types import Role, Task

COMMAND = "python -m benchmarks.gpu"
MINUTES = 8.0
VARIANTS = {
    "single": ["strategy=auto", "trainer.devices=1"],
    "single, compiled": ["strategy=auto", "trainer.devices=1", "module.compile=true"],
    "fsdp": ["strategy=fsdp", "trainer.devices=auto"],
    "fsdp, compiled": ["strategy=fsdp", "trainer.devices=auto", "module.compile=true"],
}
SIZES: dict[str, dict[str, Any]] = {
    "cuda": {"net": (1024, 12, 16), "moe": (512, 4096), "batch": (64, 32), "faces": 400},
    "cpu": {"net": (32, 1, 2), "moe": (16, 32), "batch": (4, 4), "faces": 12},
}
"""By device. net: dim, depth, heads; moe: hidden dimensions of routed and shared experts; batch: T2I and MMU samples;
faces: size of the data set."""
ATTENTION = {"cuda": (16, 16, (512, 1024, 2048)), "cpu": (1, 2, (64,))}
"""By device: batch size, number of heads with 64 dimensions, and sequence lengths."""


def overrides(variant: str, device: str, steps: int, folder: str) -> list[str]:
    """Overrides of a variant for `unif2ace-train`."""
    size = SIZES[device]
    (dim, depth, heads), (routed, shared), (draws, answers) = size["net"], size["moe"], size["batch"]
    return [
        "experiment=unified/synthetic",
        *("image_tokenizer=builtin", "classifier=builtin", "callbacks=[]", "logger=[]", "net.grounded_words=false"),
        *(f"dataset.synthetic.num_samples={size['faces']}", "dataset.synthetic.seed=1"),  # its 12 have both splits
        f"dataset.synthetic.folder={folder}/faces",
        *(f"trainer.accelerator={'gpu' if device == 'cuda' else 'cpu'}", "trainer.precision=bf16-mixed"),
        *(f"trainer.max_steps={steps}", f"data.steps_per_epoch={steps}", "data.num_workers=0", f"run_dir={folder}/run"),
        *(f"net.dim={dim}", f"net.depth={depth}", f"net.heads={heads}"),
        *(f"moe.expert_ffn_dim={routed}", f"moe.shared_ffn_dim={shared}"),
        *(f"task.text_to_image.batch_size={draws}", f"task.understanding.batch_size={answers}"),
        *VARIANTS[variant],
    ]


class Clock(pl.Callback):
    """Records the wall time of each step except the first, which compiles."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.rows, self.start = 0, 0.0

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Records the time of the step."""
        if pl_module.device.type == "cuda":
            torch.cuda.synchronize()
        if batch_idx:
            self.seconds.append(time.perf_counter() - self.start)
        self.rows, self.start = len(batch), time.perf_counter()


def train(variant: str, device: str, steps: int, folder: str) -> dict[str, float]:
    """Trains a variant on one repeated batch, without validation.

    Returns:
        Images and tokens per second over all ranks, and the planned memory in bytes; on a GPU also the peak memory.
    """
    config = compose("train", overrides(variant, device, steps, folder))
    data, module = instantiate(config.data), instantiate(config.module)
    clock, losses = Clock(), instantiate_slots(config.loss, "loss")
    trainer = instantiate(
        config.trainer, callbacks=[*losses.values(), clock], logger=False, limit_val_batches=0, num_sanity_val_steps=0
    )
    loader = data.train_dataloader
    data.train_dataloader = lambda: DataLoader([next(iter(loader()))] * steps, batch_size=None)
    trainer.fit(module, datamodule=data)
    seconds, plan = statistics.median(clock.seconds), make_plan(config)
    found = {
        "images": clock.rows * trainer.world_size / seconds,
        "tokens": plan.tokens / seconds,
        "planned": float(plan.ranks[0].total or 0),
    }
    return found | ({"peak": float(torch.cuda.max_memory_allocated())} if device == "cuda" else {})


def attention(device: str) -> list[dict[str, Any]]:
    """Speed ratio of flex attention to SDPA with an omni-attention mask: forward pass, and on a GPU also backward."""
    rows, heads, lengths = ATTENTION[device]
    trains, found = device == "cuda", []
    for length in lengths:
        role = torch.full((rows, length), Role.PROMPT, dtype=torch.int8, device=device)
        role[:, length // 2 :] = Role.IMAGE
        tasks = torch.full((rows,), Task.TEXT_TO_IMAGE, dtype=torch.int8, device=device)
        x = torch.randn(3, rows, heads, length, 64, device=device, dtype=torch.bfloat16, requires_grad=trains)
        mask = Mask(omni_attention(role, tasks))
        flex, sdpa = (_attention_seconds(x, mask, kernel) for kernel in ("flex", "sdpa"))
        what = f"{length} tokens, {'forward and backward' if trains else 'forward'}"
        found.append(_row(f"speed of flex to sdpa, {what}", sdpa / flex, "ratio"))
    return found


def _attention_seconds(x: torch.Tensor, mask: Mask, kernel: Kernel) -> float:
    times = []
    for turn in range(13):
        start = time.perf_counter()
        with torch.set_grad_enabled(x.requires_grad):
            out = attend(*x.unbind(), mask, kernel)
            if x.requires_grad:
                out.sum().backward()
        if x.is_cuda:
            torch.cuda.synchronize()
        if turn > 2:
            times.append(time.perf_counter() - start)
    return statistics.median(times)


def _row(figure: str, value: float, unit: str, target: str = "") -> dict[str, Any]:
    return {"figure": figure, "value": value, "unit": unit, "target": target, "command": COMMAND}


def rows_of(variant: str, found: dict[str, float]) -> Iterator[dict[str, Any]]:
    """Yields the result rows of a variant."""
    yield _row(f"{variant}: images", found["images"], "1/s")
    yield _row(f"{variant}: tokens, with padding", found["tokens"], "1/s")
    yield _row(f"{variant}: planned memory", found["planned"] / 2**30, "GiB per rank")
    if "peak" in found:
        yield _row(f"{variant}: peak memory", found["peak"] / 2**30, "GiB per rank")
        yield _row(f"{variant}: peak to planned memory", found["peak"] / found["planned"], "ratio")


def _in_process(variant: str, options: argparse.Namespace, folder: str, seconds: float) -> dict[str, float]:
    """Trains a variant in its own process, whose other ranks run the same command.

    Raises:
        subprocess.SubprocessError: If the process fails or takes longer than `seconds`.
    """
    out = Path(folder) / "found.json"
    words = ["--device", options.device, "--steps", str(options.steps), "--only", variant, "--into", str(out)]
    subprocess.run(
        [sys.executable, "-m", "benchmarks.gpu", *words], check=True, timeout=seconds, stdout=sys.stderr.fileno()
    )
    found: dict[str, float] = json.loads(out.read_text())
    return found


def main(words: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """Returns the result rows with figure, value, unit, target and command.

    Args:
        words: Command-line arguments; None for those of this process.

    Raises:
        SystemExit: If there is no GPU, or an option is invalid.
    """
    options = _options(words)
    if options.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("benchmarks.gpu: there is no GPU; use `--device cpu --steps 2`, only to test this program")
    end = time.monotonic() + 60 * MINUTES
    if options.into:
        found = train(options.only, options.device, options.steps, str(options.into.parent))
        if os.environ.get("LOCAL_RANK", "0") == "0":
            options.into.write_text(json.dumps(found))
        return []
    rows = attention(options.device)
    with tempfile.TemporaryDirectory() as folder:
        for variant in [options.only] if options.only else VARIANTS:
            try:
                rows += rows_of(variant, _in_process(variant, options, folder, max(1.0, end - time.monotonic())))
            except subprocess.SubprocessError as error:
                sys.stderr.write(f"{variant}: not run: {error}\n")
    return rows


def _options(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=COMMAND, description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--steps", type=int, default=20, help="steps of each variant, at least 2")
    parser.add_argument("--only", choices=VARIANTS, help="one variant")
    parser.add_argument("--into", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(words)
    if options.steps < 2:
        parser.error(f"--steps {options.steps}: must be at least 2, because the first step is not measured")
    return options


if __name__ == "__main__":
    if made := main():
        from benchmarks.__main__ import write

        write("gpu", made)
