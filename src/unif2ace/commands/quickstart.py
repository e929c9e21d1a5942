"""`unif2ace-quickstart`: data, training and evaluation in stages, and one page with the results."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Mapping
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
from unif2ace.engine.words import Syntax
from unif2ace.errors import ConfigError, check_list
from unif2ace.evaluation.page import Section, write_page

NEXT = """unif2ace-generate "A smiling woman with red hair." n=8 ckpt=logs/quickstart/unified
unif2ace-caption my/face.jpg ckpt=logs/quickstart/unified
unif2ace-ask my/face.jpg "Is she wearing glasses?" choices=[Yes,No] ckpt=logs/quickstart/unified
unif2ace-data import folder source.path=my/pictures source.license=CC-BY-4.0 folder=data/mine
unif2ace-data roundtrip my/face.jpg ckpt=logs/quickstart/tokenizer
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
    out = Path(config.out)
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
    scores = {kind: _values(out / kind) for kind in ("attributes", "tokenizer", "unified")}
    (out / "scores.json").write_text(json.dumps(scores, indent=1) + "\n", encoding="utf-8")
    page = write_page(out / "index.html", "UniF²ace quickstart", _sections(config, scores, seconds))
    console.rule(f"[bold]done in {time.monotonic() - start:.0f} s", align="left")
    sys.stdout.write(f"{page}\n\nnext:\n{NEXT}\n")
    return page


def _values(run: Path) -> dict[str, Any]:
    file = run / "evaluation" / "evaluation.json"
    if not file.is_file():
        raise ConfigError(f"{file} does not exist: stages=... lacks the stage that writes it; leave stages out")
    tree: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    values: dict[str, Any] = tree["values"]
    return values


def _sections(config: DictConfig, scores: dict[str, dict[str, Any]], seconds: dict[str, float]) -> list[Section]:
    tokenizer, attributes, unified = (scores[kind] for kind in ("tokenizer", "attributes", "unified"))
    return [
        Section(
            "Faces from words",
            f"Descriptions that the model never saw, and what it draws. {_agreement(unified)}",
            picture="unified/evaluation/generated.png",
        ),
        Section(
            "Words about faces",
            f"Faces that it never saw, and what it says about them; what is false is red. {_answers(unified)}",
            picture="unified/evaluation/understood.png",
        ),
        Section(
            "The same descriptions, generated by the model in the package",
            "It trained for hours instead of minutes, with the same code: `unif2ace-generate` uses it by itself.",
            picture="builtin/sheet.png",
        ),
        Section("Attribute by attribute", picture="unified/evaluation/scores.png"),
        Section("Drawn faces", "Every attribute is known exactly; no download, no real person.", picture="faces.png"),
        Section(
            "What is said about them",
            "Captions and questions from a grammar: true, visible, varied.",
            picture="text.png",
        ),
        Section(
            "What is in the data", f"{config.num_samples:,} faces of {config.size} pixels.", picture="statistics.png"
        ),
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
        Section("Time", "\n".join(f"{name}: {spent:.0f} s" for name, spent in seconds.items())),
        Section("What to type next", code=NEXT),
    ]


def _agreement(unified: Mapping[str, float | None]) -> str:
    value = _number(unified.get("agreement"))
    return f"Attribute agreement {value}: 0 for faces of other descriptions, 1 for the true faces."


def _answers(unified: Mapping[str, float | None]) -> str:
    value = _number(unified.get("answers"))
    return f"Answer accuracy {value}: 0 for guessing without the picture, 1 for all right."


def _number(value: float | None) -> str:
    return "not measurable on so few faces" if value is None else f"{value:.2f}"


COMMAND = Command(quickstart, Syntax("unif2ace-quickstart", "quickstart"))


def main() -> None:
    """Entry point of the console command."""
    run(COMMAND)


if __name__ == "__main__":
    main()
