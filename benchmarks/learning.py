"""Compares variants of `experiment=unified/quickstart`, each with one changed setting, at equal CPU time of training.

First the CPU time of a step is measured for all variants in turns. Then each variant trains as many steps as fit into
the same CPU time. On held-out faces, the likelihood bound, attribute agreement, answers and captions are evaluated.
Every run has its own folder in `logs/learning`: finished runs are not repeated, and stopped runs are resumed.

``python -m benchmarks.learning`` reads two environment variables: `UNIF2ACE_MINUTES`, the CPU minutes of each run
(default 10), and `UNIF2ACE_SEEDS`, the seeds (default 0,1).
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import lightning.pytorch as pl

from benchmarks.__main__ import write
from unif2ace.callbacks.without_logger import without_logger
from unif2ace.engine.compose import compose
from unif2ace.engine.instantiate import instantiate, instantiate_slots
from unif2ace.engine.quiet import hush

COMMAND = "python -m benchmarks.learning"
OUT = Path("logs") / "learning"
MINUTES = float(os.environ.get("UNIF2ACE_MINUTES", "10"))
SEEDS = os.environ.get("UNIF2ACE_SEEDS", "0,1").split(",")
FACES, ROUNDS, STEPS, WARM = 8000, 2, 6, 2
PHRASES = f"data.text_tokenizer={OUT.resolve()}/phrases"
FOUR = ("module.corruptions=4", "task.text_to_image.batch_size=7")
ONE = ("module.corruptions=1", "task.text_to_image.batch_size=28")
VARIANTS = {
    "words, one corruption": ONE,
    "words, four corruptions": (*ONE, *FOUR),
    "phrases, one corruption": (*ONE, PHRASES),
}
SCORES = ("likelihood_bound", "agreement", "answers", "caption_f1")


class Timer(pl.Callback):
    """Records the CPU seconds of each step."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def on_train_batch_start(self, *_: Any) -> None:
        """Records the start of the step."""
        self.start = time.process_time()

    def on_train_batch_end(self, *_: Any) -> None:
        """Records the CPU seconds of the step."""
        self.times.append(time.process_time() - self.start)


def main() -> list[dict[str, Any]]:
    """Trains and evaluates all variants, and returns the result rows."""
    _prepare()
    seconds = _seconds()
    found: dict[str, dict[str, list[float]]] = {name: {score: [] for score in SCORES} for name in VARIANTS}
    for seed in SEEDS:  # all variants of a seed before the next one
        for name in VARIANTS:
            values = _run(name, seed, round(60 * MINUTES / seconds[name]))
            for score in SCORES:
                found[name][score].append(values[score])
    rows = []
    for name, scores in found.items():
        rows.append(_row(f"{name}: a step", seconds[name], "CPU s"))
        for score, values in scores.items():
            shown = ", ".join(f"{value:.3f}" for value in values)
            rows.append(_row(f"{name}: {score} (seeds: {shown})", statistics.mean(values), ""))
    return rows


def _row(figure: str, value: float, unit: str) -> dict[str, Any]:
    return {"figure": figure, "value": value, "unit": unit, "target": "", "command": COMMAND}


def _prepare() -> None:
    """Builds the faces, their tokens and the text tokenizer with phrases, if they do not exist yet."""
    data, tokens, phrases = OUT / "data", OUT / "tokens", OUT / "phrases"
    if not (data / "val" / "index.npy").is_file():
        _command("unif2ace-data", "build", f"folder={data}", f"source.num_samples={FACES}", "source.size=64")
    if not (tokens / "val").is_dir():
        _command("unif2ace-data", "tokenize", f"folder={data}", "ckpt=builtin", f"out={tokens}")
    if not (phrases / "tokenizer.json").is_file():
        _command("unif2ace-data", "text_tokenizer", f"folder={data}/train", f"out={phrases}")


def _overrides(name: str) -> list[str]:
    read = [f"dataset.shards.folder={OUT}/data", f"dataset.shards.tokens={OUT}/tokens", "data.inputs=both"]
    return ["experiment=unified/quickstart", "dataset=shards", *read, "image_size=64", *VARIANTS[name]]


def _seconds() -> dict[str, float]:
    """CPU seconds of a step of each variant: medians over rounds in turns, scaled to the stored time of the first."""
    kept, (base, *_) = OUT / "seconds.json", VARIANTS
    known: dict[str, float] = json.loads(kept.read_text()) if kept.is_file() else {}
    if missing := [name for name in VARIANTS if name not in known]:
        times: dict[str, list[float]] = {name: [] for name in dict.fromkeys([base, *missing])}
        for _ in range(ROUNDS):
            for name, seen in times.items():
                seen.extend(_times(name))
        found_base = statistics.median(times[base])
        unit = known.get(base, found_base) / found_base
        known |= {name: unit * statistics.median(times[name]) for name in missing}
        kept.write_text(json.dumps(known, indent=1) + "\n")
    return {name: known[name] for name in VARIANTS}


def _times(name: str) -> list[float]:
    hush()
    run = [f"trainer.max_steps={STEPS}", f"data.steps_per_epoch={STEPS}", f"run_dir={OUT}/timing"]
    config = compose("train", [*_overrides(name), *run])
    timer = Timer()
    callbacks = [*instantiate_slots(config.loss, "loss").values()]
    callbacks += [*without_logger(instantiate_slots(config.callbacks, "callbacks")).values(), timer]
    trainer = instantiate(config.trainer, callbacks=callbacks, logger=False)
    trainer.fit(instantiate(config.module), datamodule=instantiate(config.data))
    return timer.times[WARM:]


def _run(name: str, seed: str, steps: int) -> dict[str, float]:
    """Trains and evaluates a variant, unless its scores exist already, and returns the scores."""
    run = OUT / f"{name.replace(', ', '_').replace(' ', '_')}_{seed}"
    kept = run / "scores.json"
    if not kept.is_file():
        before = _children()
        length = [f"trainer.max_steps={steps}", f"data.steps_per_epoch={steps}", f"seed={seed}"]
        _command("unif2ace-train", *_overrides(name), *length, f"run_dir={run}", "resume=auto")
        used = _children() - before
        asked = ["guidance=4", "scores.caption=short", "scores.num_paraphrases=0", "scores.samples=192"]
        metrics = "metric=[agreement,answers,captions,likelihood_bound]"
        _command("unif2ace-evaluate", str(run), "kind=unified", *asked, metrics, f"out={run}/evaluation")
        values = json.loads((run / "evaluation" / "evaluation.json").read_text())["values"]
        kept.write_text(json.dumps({"steps": steps, "cpu_seconds": used, "values": values}, indent=1) + "\n")
    scores: dict[str, float] = json.loads(kept.read_text())["values"]
    return scores


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _command(name: str, *arguments: str) -> None:
    subprocess.run([str(Path(sys.executable).with_name(name)), *arguments], check=True)


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    write("learning", main())
