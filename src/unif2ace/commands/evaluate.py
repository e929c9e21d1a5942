"""`unif2ace-evaluate`: evaluates a trained network, or the outputs of any system, on a validation split."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

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
from unif2ace.evaluation.evaluator import check_builtin, load_evaluator
from unif2ace.evaluation.export import export
from unif2ace.evaluation.making import FORMAT, Maker, eval_set_fields, first_seed, outputs_folder, refuse_unlike
from unif2ace.evaluation.metrics.base import OutputMetric, Setting
from unif2ace.evaluation.outputs import Outputs
from unif2ace.evaluation.real import RealPictures
from unif2ace.evaluation.scores import (
    NO_OUTPUTS,
    add_robustness,
    check_applies,
    choose,
    needs_of,
    prepare,
    result_fields,
    robust_outputs,
    score_outputs,
)
from unif2ace.evaluation.system import Sampled
from unif2ace.evaluation.unified_scores import ScoreOptions
from unif2ace.inference.release import KIND

if TYPE_CHECKING:
    from unif2ace.evaluation.eval_set import EvalSet
    from unif2ace.evaluation.outputs import Need
    from unif2ace.evaluation.unified_scores import UnifiedScores

APP = "unif2ace-evaluate"


def evaluate(config: DictConfig) -> dict[str, float | None]:
    """Evaluates a network, prints a table, and writes ``evaluation.json`` and images.

    Args:
        config: Composed from ``evaluate.yaml`` with the kind of the weights.

    Returns:
        The values by name; None for values that are not finite.

    Raises:
        ConfigError: If the weights are not of kind `kind`, or no data set or no metric is given.
        DataError: If the weights or the data cannot be read.
    """
    from unif2ace.engine.weights import find_weights

    if not (config.ckpt or config.get("outputs") or config.get("export")):
        raise ConfigError("nothing to evaluate: give ckpt=RUN_FOLDER, or outputs=FOLDER with kind=unified")
    weights = find_weights(config.ckpt, config.kind) if config.ckpt else None
    with open_dict(config):
        if not config.get("question_file"):
            config.dataset = config.dataset or _trained_on(weights)
        config.out = config.out or str(_out(config, weights))
    with output_lock(config.out, "out"), restored_signal_handlers():
        return _score(config) if config.get("scores") else _measure(config)


def _measure(config: DictConfig) -> dict[str, float | None]:
    """Evaluates a network with the metrics of a validation pass."""
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
    """Scores the outputs of a unified model, or of any other system, on an evaluation set."""
    hush()
    metrics = _output_metrics(config)
    sizes: Any = OmegaConf.to_container(config.scores, resolve=True)
    how = ScoreOptions(**sizes)
    system = _Model(config) if config.ckpt else None
    check_applies(metrics, bool(config.question_file), how.subgroups)
    needs = needs_of(metrics.values())
    eval_set, data = _eval_set(config, how, system)
    setting = _setting(config, how, system, data.readers, needs)
    if "real" in needs:
        setting = replace(setting, real=RealPictures(config.real, eval_set))
    prepare(metrics, setting)
    if config.export:
        with output_lock(config.export, "export"):
            export(eval_set, Path(config.export))
        if not system and not config.outputs:
            return {}
    if system:
        maker, manifest = system.maker(eval_set, how, Path(config.out))
        outputs = maker.make(needs - NO_OUTPUTS, manifest)
    else:
        outputs = Outputs(config.outputs)
        refuse_unlike(outputs.manifest.get("eval_set", {}), eval_set_fields(eval_set, how), outputs.folder)
    found = score_outputs(metrics, eval_set, outputs, how)
    scored = system.scored if system else None
    for title, changed, there in robust_outputs(scored, eval_set, how, outputs, metrics.values()):
        add_robustness(found, title, changed, there, metrics)
    return _report(config, found, setting, data, system)


@dataclass(frozen=True, slots=True)
class _Data:
    """The data of an evaluation set: name, provenance for ``evaluation.json``, and readers of the ``val`` splits."""

    name: str
    provenance: dict[str, Any]
    readers: list[Any]


def _eval_set(config: DictConfig, how: ScoreOptions, system: _Model | None) -> tuple[EvalSet, _Data]:
    """Makes the evaluation set from the data sets or from the question file."""
    from unif2ace.data.shards import Rules
    from unif2ace.engine.provenance import data_provenance

    size = system.scored.image_size if system else None
    if config.question_file:
        from unif2ace.evaluation.question_set import question_set

        file = instantiate(config.question_file, allow=config.engine.allow)
        eval_set = question_set(file, size or config.image_size, how.num_questions, how.seed)
        return eval_set, _Data(str(file.path), {"question_file": file.describe()}, [])
    datasets = instantiate_slots(config.dataset, "dataset", allow=config.engine.allow)
    for dataset in datasets.values():
        dataset.prepare()
    opened = {name: dataset.open("val", Rules(require=("caption",))) for name, dataset in datasets.items()}
    if missing := [name for name, reader in opened.items() if reader is None]:
        raise ConfigError(
            f"dataset={missing[0]}: the data set has no 'val' split; select another, such as dataset=synthetic"
        )
    readers = list(opened.values())
    name = ", ".join(f"{dataset.folder}/val" for dataset in datasets.values())
    return choose(readers, how, size), _Data(name, data_provenance(datasets), readers)


def _output_metrics(config: DictConfig) -> dict[str, OutputMetric]:
    """The metrics that score outputs.

    Raises:
        ConfigError: If no metric is given, or a metric does not score outputs.
    """
    metrics = instantiate_slots(config.metric, "metric", allow=config.engine.allow)
    if not metrics:
        raise ConfigError("nothing to measure: select at least one metric, such as metric=[answers]")
    for name, metric in metrics.items():
        if not isinstance(metric, OutputMetric):
            raise ConfigError(
                f"metric={name} is only for image tokenizers and attribute classifiers, not for unified models: leave "
                "it out, or give another such as metric=[answers]"
            )
    return metrics


class _Model:
    """The unified model of a checkpoint, with sampling options."""

    def __init__(self, config: DictConfig) -> None:
        from unif2ace.inference.loading import load_model

        components = {k: v for k, v in config.components.items() if v}
        self.model = load_model(config.ckpt, device=config.device, allow=config.engine.allow, **components)
        self.model.drop_encoders(config.drop_encoders)
        self.release = self.model.release
        self.options = {
            "guidance": config.guidance,
            "best_of": config.best_of,
            "drop_encoders": list(config.drop_encoders),
            "sampler": OmegaConf.to_container(config.sampler, resolve=True),
        }
        sampler = instantiate(config.sampler, allow=config.engine.allow)
        self.scored = Sampled(self.model, sampler=sampler, guidance=config.guidance, best_of=config.best_of)

    def maker(self, eval_set: EvalSet, how: ScoreOptions, out: Path) -> tuple[Maker, dict[str, Any]]:
        """The `Maker` of the model's outputs below `out`, and the manifest of the outputs."""
        weights = self.release.unified
        manifest = {
            "format": FORMAT,
            "system": f"{weights.kind} {weights.short}",
            "weights": weights.fingerprint,
            "components": {kind: other.fingerprint for kind, other in self.release.components.items()},
            **self.options,
            "image_size": list(eval_set.images.shape[2:]),
            "seeds": {"first": first_seed(how, len(eval_set)), "per_prompt": how.seeds},
            "eval_set": eval_set_fields(eval_set, how),
        }
        return Maker(self.scored, eval_set, how, outputs_folder(out, manifest)), manifest


def _setting(
    config: DictConfig, how: ScoreOptions, system: _Model | None, readers: list[Any], needs: set[Need]
) -> Setting:
    """The settings that all metrics share.

    If a metric needs the evaluator, the evaluator is loaded and compared with the model's own networks.
    """
    import torch

    from unif2ace.hardware import check_device

    evaluator, device = None, config.device or ("cuda" if torch.cuda.is_available() else "cpu")
    if "evaluator" in needs:
        used = system.release.components if system else {}
        same, allow = config.same_evaluator, config.engine.allow
        evaluator = load_evaluator(config.evaluator, used, same=same, device=device, allow=allow)
        check_builtin(config.evaluator, readers)
    return Setting(how.resamples, how.seed, str(check_device(device)), how.batch_size, evaluator)


def _report(
    config: DictConfig, found: UnifiedScores, setting: Setting, data: _Data, system: _Model | None
) -> dict[str, float | None]:
    """Prints the values, and writes ``evaluation.json``, sheets and samples."""
    from rich.console import Console

    from unif2ace.evaluation.evaluation import Evaluation, write_parts
    from unif2ace.evaluation.sheets import draw_sheets

    out = Path(config.out)
    draw_sheets(found, out)
    values = {name: value if math.isfinite(value) else None for name, value in found.values.items()}
    weights = system.release.unified if system else None
    evaluation = Evaluation(weights, out, len(found.eval_set), values, found.described, found.tables)
    evaluation.system = found.outputs.system
    evaluation.draw(found.metrics)
    evaluation.show(Console(), data.name)
    options = dict(system.options) if system else {"manifest": dict(found.outputs.manifest)}
    if setting.evaluator:
        options["evaluator"] = {"kind": "attributes", "fingerprint": setting.evaluator.fingerprint}
    evaluation.write({**data.provenance, **result_fields(found), **options})
    samples: dict[str, Any] = {}
    for metric in found.metrics.values():
        samples |= metric.samples()
    write_parts(out, found.scores, samples)
    sys.stdout.write(f"{out}: {', '.join(sorted(p.name for p in out.iterdir()))}\n")
    return evaluation.values


def run_folder(weights: Path) -> Path:
    """The run folder of a weights file."""
    return weights.parent.parent if weights.parent.name == "checkpoints" else weights.parent


def _out(config: DictConfig, weights: Path | None) -> Path:
    """The default output folder: ``evaluation`` in the folder of the run, of the outputs, or of the export.

    For the best weights of a run the name is ``evaluation_best``.
    """
    from unif2ace.engine.weights import BEST_FILE

    if weights:
        return run_folder(weights) / ("evaluation_best" if weights.name == BEST_FILE else "evaluation")
    return Path(config.outputs or config.export) / "evaluation"


def _trained_on(weights: Path | None) -> Any:
    """The data sets in the configuration of the run that wrote the weights."""
    if weights is None:
        raise ConfigError(
            "dataset is missing: give the data set that the outputs were made for, such as dataset=synthetic"
        )
    path = run_folder(weights) / "config.yaml"
    config: Any = OmegaConf.load(path) if path.is_file() else {}
    node = config.get("dataset")
    if not node:
        raise ConfigError(
            f"{path} does not name the data set of {weights.name}: give the data set to evaluate on, such as "
            "dataset=shards dataset.shards.folder=..."
        )
    return node


def _no_training(*_: Any) -> NoReturn:
    raise AssertionError("evaluation does not train")


def _with_kind(line: Line) -> Line:
    """Adds ``kind=...`` from the checkpoint's header, unless the kind is given.

    Raises:
        DataError: If the checkpoint cannot be read.
    """
    path = line.words[0] if line.words else line.given("ckpt")
    if path is None and (line.given("outputs") or line.given("export")):
        return replace(line, overrides=[*line.overrides, "ckpt=null", f"kind={KIND}"])
    if path is not None and line.given("outputs"):
        raise ConfigError(f"ckpt={path} and outputs={line.given('outputs')}: give only one of them")
    if path is None or line.given("kind") is not None:
        return line
    return replace(line, overrides=[*line.overrides, f"kind={_kind(path)}"])


def _kind(path: str) -> str:
    from unif2ace.engine.weights import read_header

    released = path == "builtin" or (Path(path) / f"{KIND}.safetensors").is_file()
    return KIND if released else str(read_header(path)["kind"])


def _kinds(words: list[str]) -> list[str]:
    """The kind of the checkpoint on the command line; all kinds if no checkpoint is given."""
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
