"""`unif2ace-quickstart`: builds data, trains and evaluates in stages, and writes one page with the results."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from unif2ace.commands import data, evaluate, generate, report, train
from unif2ace.data.output_lock import output_lock
from unif2ace.engine.command import Command, Work, run
from unif2ace.engine.compose import compose
from unif2ace.engine.resuming import changes
from unif2ace.engine.snapshot import typed_command
from unif2ace.engine.weights import read_header
from unif2ace.engine.words import Line, Syntax
from unif2ace.errors import ConfigError, check_list

NEXT = """unif2ace-generate "A smiling woman with red hair." n=8 ckpt={out}/unified
unif2ace-caption my/face.jpg ckpt={out}/unified
unif2ace-ask my/face.jpg "Is she wearing glasses?" choices=[Yes,No] ckpt={out}/unified
unif2ace-generate "A smiling woman with red hair." n=8  # the model of the package
unif2ace-quickstart from_scratch=true  # tokenizer, classifier and evaluator too: half an hour
unif2ace-data import folder source.path=my/pictures source.license=CC-BY-4.0 folder=data/mine
unif2ace-train experiment=attributes/synthetic_small run_dir=logs/attributes_synthetic  # half an hour
unif2ace-train experiment=tokenizer/attribute_perceptual run_dir=logs/tokenizer_synthetic  # half an hour
unif2ace-train experiment=unified/synthetic  # over two hours: the model itself"""


def train_once(config: DictConfig) -> None:
    """Trains a new run, resumes an interrupted run with the same settings, or skips a finished run.

    Args:
        config: Composed from ``train.yaml``.

    Raises:
        ConfigError: If the folder holds a run with other settings.
    """
    folder = Path(config.run_dir)
    before = folder / "config.yaml"
    if before.is_file():
        changed = _changed(OmegaConf.load(before), config)
        if changed:
            raise ConfigError(
                f"{folder} holds a run with another value of {changed}: remove this folder, or give another out=..."
            )
        weights = folder / "weights.safetensors"  # a stopped run has them too, with fewer steps
        if weights.is_file() and read_header(weights)["steps"] >= config.trainer.max_steps:
            logging.getLogger(__name__).info("already finished: %s", folder)
            return
    config.resume = "auto"
    train.train(config)


def _changed(before: Any, now: DictConfig) -> str:
    """The first configuration key whose value differs, ignoring ``resume`` and ``like``."""
    found = changes(*(OmegaConf.to_container(c, resolve=True) for c in (before, now)))
    return next((key for key in found if key not in ("resume", "like")), "")


COMMANDS: dict[str, Work] = {
    **{name: verb.work for name, verb in data.VERBS.items()},
    "train": train_once,
    "evaluate": evaluate.evaluate,
    "generate": generate.generate,
}


def quickstart(config: DictConfig) -> Path:
    """Runs the stages in order, and writes the page, ``scores.json`` and ``stages.json``.

    Returns:
        Path of the page.

    Raises:
        ConfigError: If a stage's configuration is invalid, or another process writes into the folder.
    """
    with output_lock(config.out, "out"):
        return _stages(config)


def _stages(config: DictConfig) -> Path:
    console = Console(stderr=True)
    start = time.monotonic()
    seconds: dict[str, float] = {}
    check_list(config.stages, "stages")
    for stage in config.stages:  # so that a wrong late stage is reported before the first runs
        compose(stage.command, list(stage.overrides))
    for number, stage in enumerate(config.stages, start=1):
        console.rule(f"[bold]{number} of {len(config.stages)}: {stage.name}", align="left")
        began = time.monotonic()
        COMMANDS[stage.command](compose(stage.command, list(stage.overrides)))
        seconds[stage.name] = time.monotonic() - began
    page = _write(config, seconds)
    console.rule(f"[bold]done in {time.monotonic() - start:.0f} s", align="left")
    sys.stdout.write(f"\nnext:\n{NEXT.format(out=config.out)}\n")
    return page


def _write(config: DictConfig, seconds: Mapping[str, float]) -> Path:
    out = Path(config.out)
    kinds = ["unified", *(["attributes", "tokenizer"] if config.from_scratch else [])]
    scores = {kind: _evaluated(out / kind)["values"] for kind in kinds}
    (out / "scores.json").write_text(json.dumps(scores, indent=1) + "\n", encoding="utf-8")
    stages = [{"name": name, "seconds": round(spent, 1)} for name, spent in seconds.items()]
    tree = {"command": typed_command(), "stages": stages}
    (out / "stages.json").write_text(json.dumps(tree, indent=1) + "\n", encoding="utf-8")
    page = {"runs": [str(out)], "out": str(out / "index.html"), "title": "UniF²ace quickstart"}
    further = {"section": {"commands": {"further": NEXT.format(out=out).splitlines()}}}
    return report.report(OmegaConf.merge(compose("report", ["runs=[]"]), page, further))  # type: ignore[arg-type]


def _evaluated(run: Path) -> dict[str, Any]:
    file = run / "evaluation" / "evaluation.json"
    if not file.is_file():
        raise ConfigError(f"{file} does not exist, because stages=... lacks its evaluation: leave stages=... out")
    tree: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return tree


def _with_form(line: Line) -> Line:
    """Adds ``form=from_scratch`` if ``from_scratch=true`` is given, which selects further stages."""
    given = str(line.given("from_scratch")).lower() in ("true", "yes", "on", "1")
    return replace(line, overrides=[*line.overrides, "form=from_scratch"]) if given else line


COMMAND = Command(quickstart, Syntax("unif2ace-quickstart", "quickstart", complete=_with_form))


def main() -> None:
    """Entry point of the console command."""
    run(COMMAND)


if __name__ == "__main__":
    main()
