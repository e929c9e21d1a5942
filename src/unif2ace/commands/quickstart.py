"""`unif2ace-quickstart`: data, training and evaluation in stages, and one page with the results."""

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

from unif2ace.commands import data, evaluate, generate, train
from unif2ace.data.output_lock import output_lock
from unif2ace.engine.command import Command, Work, run
from unif2ace.engine.compose import compose
from unif2ace.engine.resuming import changes
from unif2ace.engine.weights import read_header
from unif2ace.engine.words import Line, Syntax
from unif2ace.errors import ConfigError, check_list
from unif2ace.evaluation.curves import draw_curves
from unif2ace.evaluation.page import Section, write_page

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
    """Trains, resumes a stopped run with the same settings, or does nothing if it is finished.

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
                f"{folder} holds a run with another {changed}: remove the folder, or give another one with out=..."
            )
        weights = folder / "weights.safetensors"  # a stopped run has them too, with fewer steps
        if weights.is_file() and read_header(weights)["steps"] >= config.trainer.max_steps:
            logging.getLogger(__name__).info("done before: %s", folder)
            return
    config.resume = "auto"
    train.train(config)


def _changed(before: Any, now: DictConfig) -> str:
    """The first key whose value differs, except for those of where a run starts."""
    found = changes(*(OmegaConf.to_container(c, resolve=True) for c in (before, now)))
    return next((key for key in found if key not in ("resume", "like")), "")


COMMANDS: dict[str, Work] = {
    **{name: verb.work for name, verb in data.VERBS.items()},
    "train": train_once,
    "evaluate": evaluate.evaluate,
    "generate": generate.generate,
}


def quickstart(config: DictConfig) -> Path:
    """Runs the stages in order and writes the page, with ``scores.json`` beside it.

    Returns:
        The page.

    Raises:
        ConfigError: If a stage's configuration is wrong, or another process works in the folder.
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
    sys.stdout.write(f"{page}\n\nnext:\n{NEXT.format(out=config.out)}\n")
    return page


def _write(config: DictConfig, seconds: Mapping[str, float]) -> Path:
    out = Path(config.out)
    kinds = ["unified", *(["attributes", "tokenizer"] if config.from_scratch else [])]
    found = {kind: _evaluated(out / kind) for kind in kinds}
    scores = {kind: evaluated["values"] for kind, evaluated in found.items()}
    (out / "scores.json").write_text(json.dumps(scores, indent=1) + "\n", encoding="utf-8")
    _compare(out)
    draw_curves(out / "unified" / "metrics.csv", CURVES, out / "curves.png")
    parts = [_sections(config, found["unified"]), _parts(scores), _end(config, seconds)]
    return write_page(out / "index.html", "UniF²ace quickstart", [section for part in parts for section in part])


def _evaluated(run: Path) -> dict[str, Any]:
    file = run / "evaluation" / "evaluation.json"
    if not file.is_file():
        raise ConfigError(f"{file} does not exist: stages=... lacks the stage that writes it; leave stages out")
    tree: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return tree


def _compare(out: Path, seeds: int = 2) -> None:
    """Draws this run's faces beside those of the package's model, the reconstructions and the true faces."""
    from unif2ace.evaluation.sheets import comparison_sheet

    evaluation = out / "unified" / "evaluation"
    prompts = (evaluation / "prompts.txt").read_text(encoding="utf-8").splitlines()
    faces, package = evaluation / "faces", sorted((out / "builtin").glob("[0-9]*-seed*.png"))
    each = len(package) // len(prompts)
    rows = range(len(prompts))
    columns = {
        "this run": [[faces / f"{n:03d}-generated-{seed}.png" for seed in range(seeds)] for n in rows],
        "the package's model": [package[n * each : n * each + seeds] for n in rows],
        "reconstruction": [[faces / f"{n:03d}-reconstruction.png"] for n in rows],
        "true face": [[faces / f"{n:03d}-true.png"] for n in rows],
    }
    comparison_sheet(prompts, columns).save(out / "compared.png")


def _sections(config: DictConfig, unified: Mapping[str, Any]) -> list[Section]:
    return [
        Section(
            "Faces from words",
            f"Descriptions that the model never saw, and what it drew after {config.steps.unified:,} steps. The model "
            "of the package trained for hours with the same code. A reconstruction is the true face, in tokens and "
            "back: the best that can be drawn.",
            picture="compared.png",
        ),
        Section(
            "Words about faces",
            "Faces that the model never saw, and what it says about them; what is false is red.",
            picture="unified/evaluation/understood.png",
        ),
        Section("Scores", _scores(unified), picture="unified/evaluation/scores.png"),
        Section(
            "Learning",
            "d3diff: the loss of image tokens; ar: the loss of text tokens, in nats per token.",
            picture="curves.png",
        ),
        Section("What to type next", code=NEXT.format(out=config.out)),
    ]


SCORES = {
    "agreement": "faces show what the description says: 0 for faces of other descriptions, 1 for the true faces",
    "answers": "answers are right: 0 for guessing without the picture, 1 for all",
    "captions": "captions state the attributes (F1): 0 for captions of other faces, 1 for those of the data",
    "caption_false_share": "share of the statements of captions that are false, of those that can be checked",
}
CURVES = ("d3diff", "ar")


def _scores(unified: Mapping[str, Any]) -> str:
    lines = []
    for name, meaning in SCORES.items():
        value, limits = unified["values"].get(name), unified.get("intervals", {}).get(name)
        number = "not measurable on so few faces" if value is None else f"{value:.2f}"
        lines.append(f"{number}{f' ({limits[0]:.2f} to {limits[1]:.2f})' if limits else ''}: {meaning}")
    return "\n".join([*lines, "In brackets: 95 % intervals, by bootstrap over the faces."])


def _parts(scores: Mapping[str, Mapping[str, float]]) -> list[Section]:
    """What the tokenizer and the classifier learned, if this run trained them."""
    if "tokenizer" not in scores:
        return []
    tokenizer, attributes = scores["tokenizer"], scores["attributes"]
    return [
        Section(
            "Pictures to tokens and back",
            f"Faces that the tokenizer never saw, each over what comes back of it. PSNR {tokenizer['psnr']:.1f} dB, "
            f"Frechet distance {tokenizer['frechet']:.1f}, {tokenizer['codebook_use']:.0%} of the codes in use.",
            picture="tokenizer/evaluation/reconstructions.png",
        ),
        Section(
            "What the classifier sees",
            f"46 attributes of faces that it never saw: mean average precision {attributes['average_precision']:.3f}, "
            f"macro F1 {attributes['f1']:.3f}.",
            picture="attributes/evaluation/attributes.png",
        ),
    ]


def _end(config: DictConfig, seconds: Mapping[str, float]) -> list[Section]:
    return [
        Section(
            "The data",
            f"{config.num_samples:,} faces of {config.size} pixels. Every attribute is known exactly; no download, no "
            "real person.",
            picture="faces.png",
        ),
        Section("Time", "\n".join(f"{name}: {spent:.0f} s" for name, spent in seconds.items())),
    ]


def _with_form(line: Line) -> Line:
    """Selects the stages of ``from_scratch=true``."""
    given = str(line.given("from_scratch")).lower() in ("true", "yes", "on", "1")
    return replace(line, overrides=[*line.overrides, "form=from_scratch"]) if given else line


COMMAND = Command(quickstart, Syntax("unif2ace-quickstart", "quickstart", complete=_with_form))


def main() -> None:
    """Entry point of the console command."""
    run(COMMAND)


if __name__ == "__main__":
    main()
