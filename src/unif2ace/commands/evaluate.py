"""`unif2ace-evaluate`: evaluates a trained network on a validation split."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from omegaconf import DictConfig, OmegaConf, open_dict

from unif2ace.data.output_lock import output_lock
from unif2ace.engine.command import Command, run
from unif2ace.engine.config_comments import choices_of
from unif2ace.engine.instantiate import instantiate, instantiate_slots
from unif2ace.engine.quiet import hush
from unif2ace.engine.run_callbacks import instantiate_callbacks
from unif2ace.engine.signal_handlers import restored_signal_handlers
from unif2ace.engine.words import Line, Syntax
from unif2ace.errors import ConfigError

APP = "unif2ace-evaluate"


def evaluate(config: DictConfig) -> dict[str, float | None]:
    """Evaluates a network, prints a table, and writes ``evaluation.json`` and images.

    Args:
        config: Composed from ``evaluate.yaml`` with the kind of the weights.

    Returns:
        The values by name; None for values that are not finite.

    Raises:
        ConfigError: If the weights are of another kind, or there is no data or no metric.
        DataError: If the weights or the data cannot be read.
    """
    from unif2ace.engine.weights import find_weights

    weights = find_weights(config.ckpt, config.kind)
    with open_dict(config):
        config.dataset = config.dataset or _trained_on(weights)
        config.out = config.out or str(run_folder(weights) / "evaluation")
    with output_lock(config.out, "out"), restored_signal_handlers():
        return _score(config) if config.get("scores") else _measure(config)


def _measure(config: DictConfig) -> dict[str, float | None]:
    """Evaluates by the metrics of a validation pass."""
    import lightning.pytorch as pl
    import torch
    from rich.console import Console

    from unif2ace.callbacks.first_error import first_error
    from unif2ace.engine.provenance import data_provenance
    from unif2ace.engine.weights import load_net, read_weights
    from unif2ace.evaluation.evaluation import Evaluation

    hush()
    weights = read_weights(config.ckpt)
    allow = config.engine.allow
    net = load_net(weights, config.kind, allow)
    if not config.metric:
        raise ConfigError("nothing to measure: select at least one metric, such as metric=[psnr]")
    torch.set_float32_matmul_precision("high")
    pl.seed_everything(config.seed, workers=True, verbose=False)
    data = instantiate(config.data, allow=allow)
    module = instantiate(config.module, allow=allow, net=lambda: net, optimizer=_no_training)
    out = Path(config.out)
    out.mkdir(parents=True, exist_ok=True)
    found = Evaluation(weights, out)
    callbacks = instantiate_callbacks(config, required=["progress"])
    observers = [*callbacks.values(), found.callback()]
    trainer = instantiate(config.trainer, allow=allow, callbacks=observers, logger=False, enable_checkpointing=False)
    with first_error(trainer):
        trainer.validate(module, datamodule=data, verbose=False)
    if trainer.is_global_zero:
        found.show(Console(), ", ".join(f"{d.folder}/val" for d in data.datasets.values()))
        found.write(data_provenance(data.datasets))
        sys.stdout.write(f"{out}: {', '.join(sorted(p.name for p in out.iterdir()))}\n")
    return found.values


def _score(config: DictConfig) -> dict[str, float | None]:
    """Scores a unified model by what it generates and answers, rather than by metrics of a validation pass."""
    from rich.console import Console

    from unif2ace.data.shards import Rules
    from unif2ace.engine.provenance import data_provenance
    from unif2ace.evaluation.evaluator import check_builtin, load_evaluator
    from unif2ace.evaluation.scores import score
    from unif2ace.evaluation.sheets import draw_sheets
    from unif2ace.evaluation.unified import Sampled, evaluation_of, provenance_of
    from unif2ace.evaluation.unified_scores import ScoreOptions
    from unif2ace.inference.loading import load_model

    hush()
    allow, device = config.engine.allow, config.device
    model = load_model(config.ckpt, device=device, allow=allow, **{k: v for k, v in config.components.items() if v})
    model.drop_encoders(config.drop_encoders)
    weights = model.release.unified
    evaluator = load_evaluator(
        config.evaluator, model.release.components, same=config.same_evaluator, device=device, allow=allow
    )
    datasets = instantiate_slots(config.dataset, "dataset", allow=allow)
    for dataset in datasets.values():
        dataset.prepare()
    opened = {name: dataset.open("val", Rules(require=("caption",))) for name, dataset in datasets.items()}
    if missing := [name for name, reader in opened.items() if reader is None]:
        raise ConfigError(f"data set {missing[0]!r} has no 'val' split: select one that has, such as dataset=synthetic")
    check_builtin(config.evaluator, opened.values())
    how = {"guidance": config.guidance, "best_of": config.best_of}
    sampled = Sampled(model, sampler=instantiate(config.sampler, allow=allow), **how)
    found = score(sampled, evaluator, list(opened.values()), ScoreOptions(**config.scores))
    out = Path(config.out)
    draw_sheets(found, out)
    evaluation = evaluation_of(found, weights, out)
    evaluation.show(Console(), ", ".join(f"{dataset.folder}/val" for dataset in datasets.values()))
    how["drop_encoders"] = list(config.drop_encoders)
    how["sampler"] = OmegaConf.to_container(config.sampler, resolve=True)
    evaluation.write({**data_provenance(datasets), **provenance_of(found, evaluator), **how})
    sys.stdout.write(f"{out}: {', '.join(sorted(p.name for p in out.iterdir()))}\n")
    return evaluation.values


def run_folder(weights: Path) -> Path:
    """The run folder that weights belong to."""
    return weights.parent.parent if weights.parent.name == "checkpoints" else weights.parent


def _trained_on(weights: Path) -> Any:
    """The data sets in the configuration of the run that wrote some weights."""
    path = run_folder(weights) / "config.yaml"
    config: Any = OmegaConf.load(path) if path.is_file() else {}
    node = config.get("dataset")
    if not node:
        raise ConfigError(
            f"{weights} does not lie in a run's folder that says what it was trained on: select what to measure on, "
            "such as dataset=shards dataset.shards.folder=..."
        )
    return node


def _no_training(*_: Any) -> NoReturn:
    raise AssertionError("evaluation does not train")


def _with_kind(line: Line) -> Line:
    """Adds ``kind=...`` as the checkpoint's header says, unless it is given.

    Raises:
        DataError: If the checkpoint cannot be read.
    """
    path = line.words[0] if line.words else line.given("ckpt")
    if path is None or line.given("kind") is not None:
        return line
    return replace(line, overrides=[*line.overrides, f"kind={_kind(path)}"])


def _kind(path: str) -> str:
    from unif2ace.engine.weights import read_header
    from unif2ace.inference.release import KIND

    released = path == "builtin" or (Path(path) / f"{KIND}.safetensors").is_file()
    return KIND if released else str(read_header(path)["kind"])


def _kinds(words: list[str]) -> list[str]:
    """The kind of a checkpoint on the command line; every kind if there is none."""
    line = SYNTAX.split(words)
    path = line.words[0] if line.words else line.given("ckpt")
    return [line.given("kind") or _kind(path)] if path else choices_of("kind")


SYNTAX = Syntax(APP, "evaluate", ("ckpt",), _with_kind)
COMMAND = Command(evaluate, SYNTAX, kinds=_kinds)


def main() -> None:
    """Entry point of the console command."""
    run(COMMAND)


if __name__ == "__main__":
    main()
