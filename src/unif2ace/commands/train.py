"""`unif2ace-train`: trains one module."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from unif2ace.commands.plan import FLAG, take_plan
from unif2ace.data.output_lock import output_lock
from unif2ace.engine.best_file import BestFile
from unif2ace.engine.best_test import check_test, measure_best
from unif2ace.engine.command import Command, one_line_errors, run
from unif2ace.engine.extras import apply_extras
from unif2ace.engine.help import experiments
from unif2ace.engine.hyperparameters import log_hyperparameters
from unif2ace.engine.initialization import open_first, start_from
from unif2ace.engine.instantiate import instantiate, instantiate_slots
from unif2ace.engine.like import check_like, like_run
from unif2ace.engine.objective import Objective, objective, optimized_names
from unif2ace.engine.quiet import hush
from unif2ace.engine.resuming import Start, find_start
from unif2ace.engine.run_callbacks import instantiate_callbacks
from unif2ace.engine.run_metadata import RunMetadata
from unif2ace.engine.signal_handlers import restored_signal_handlers
from unif2ace.engine.snapshot import write_snapshot
from unif2ace.engine.study import PRUNED_AT, check_trial, open_study
from unif2ace.engine.weights import BEST_FILE, read_header
from unif2ace.engine.words import Syntax

log = logging.getLogger(__name__)
CALLBACKS = ("callbacks", "run_callbacks")
FOLDERS = ("folder", "dirpath")
"""Arguments of callbacks that name an output folder. Loggers are not checked, because each has its own sub-folder."""


def train(config: DictConfig) -> Objective:
    """Trains the configured module.

    Args:
        config: Composed from ``train.yaml``.

    Returns:
        The last value of every logged quantity; with `optimized_metric` only the value of this metric, or a list for
        several metrics. The run folder holds ``weights.safetensors``, unless a search pruned the run.

    Raises:
        ConfigError: If the configuration cannot be built, or `optimized_metric` is not logged.
        Unif2aceError: If `optimized_metric` is NaN or Inf. The weights are written before.
    """
    check_like(config)
    check_trial(config)
    check_test(config)
    apply_extras(config)
    with _alone(config), restored_signal_handlers():
        return _train(config)


@contextmanager
def _alone(config: DictConfig) -> Iterator[None]:
    """Locks the run folder and the output folders of callbacks. With `fast_dev_run` nothing is locked."""
    with ExitStack() as held:
        if not config.trainer.get("fast_dev_run"):
            for folder in sorted(_written(config)):
                held.enter_context(output_lock(folder, "run_dir"))
        yield


def _written(config: DictConfig) -> set[Path]:
    groups: Any = [OmegaConf.to_container(config.get(g) or OmegaConf.create(), resolve=True) for g in CALLBACKS]
    slots = [options for group in groups for options in group.values() if options]
    found = (options.get(name) for options in slots for name in FOLDERS)
    return {Path(config.run_dir), *(Path(folder) for folder in found if isinstance(folder, str))}


def _callbacks(config: DictConfig) -> dict[str, Any]:
    from unif2ace.callbacks.without_logger import without_logger

    callbacks = instantiate_callbacks(config)
    return callbacks if any((config.get("logger") or {}).values()) else without_logger(callbacks)


def _pruning(config: DictConfig) -> list[Any]:
    """The pruning callback of a search with one metric; else an empty list. Several metrics cannot be pruned."""
    from unif2ace.callbacks.pruning import Pruning

    names = optimized_names(config)
    if not config.hparams_search or len(names) != 1:
        return []
    options: Any = OmegaConf.to_container(config.hparams_search, resolve=True)
    return [Pruning(partial(open_study, options), options["trial"], names[0], PRUNED_AT)]


def _train(config: DictConfig) -> Objective:
    import lightning.pytorch as pl
    import torch

    hush()
    start = find_start(config)
    torch.set_float32_matmul_precision("high")
    pl.seed_everything(config.seed, workers=True, verbose=False)
    data = instantiate(config.data, allow=config.engine.allow)
    module = instantiate(config.module, allow=config.engine.allow)
    record = RunMetadata(config, data, module.kind)
    observers = _observers(config, record)
    if first := _first_weights(config, start, module, record):
        built: Any = OmegaConf.to_container(config.module.net, resolve=True)
        observers.insert(0, start_from(first, record.components, built))  # before moving averages start
    if "tokenizer" in record.components and data.inputs != "pixels":
        data.expect_tokenizer(record.components["tokenizer"]["fingerprint"])
    trainer = _trainer(config, observers)
    if trainer.is_global_zero:
        write_snapshot(config, config.run_dir)
        log_hyperparameters(config, trainer.loggers)
    tested = partial(_tested, config, trainer, data, observers)
    if start.finished:
        log.info("the run is finished: %s", path := record.recover())
        metrics = {**(read_header(path).get("metrics") or {}), **(test := tested())}
        return objective(config, metrics) if config.optimized_metric else dict(test)
    _fit(trainer, module, data, start, record)
    if any(getattr(callback, "pruned", False) for callback in observers):
        return [float(trainer.callback_metrics[name]) for name in optimized_names(config)]
    record.finish(trainer, module)
    metrics = dict(trainer.callback_metrics)
    return objective(config, {**metrics, **tested()})


def _observers(config: DictConfig, record: RunMetadata) -> list[Any]:
    from unif2ace.callbacks.best_weights import BestWeights

    losses = instantiate_slots(config.get("loss"), "loss", allow=config.engine.allow)
    callbacks = _callbacks(config)
    for callback in callbacks.values():
        if isinstance(callback, BestWeights):
            callback.file = BestFile(record)
    return [*losses.values(), *callbacks.values(), record.callback(), *_pruning(config)]


def _first_weights(config: DictConfig, start: Start, module: Any, record: RunMetadata) -> Any:
    """The weights that a new run starts from; None for random initialisation."""
    first = open_first(config.init_from, record.kind) if config.init_from and not start.path else None
    module.expect_weights(None if start.path else first.state.keys() if first else ())
    record.started_from = first.short if first else ""
    return first


def _trainer(config: DictConfig, observers: list[Any]) -> Any:
    from unif2ace.checkpoints.io import FolderIO

    allow = config.engine.allow
    made: dict[str, Any] = {
        "callbacks": observers,
        "logger": [*instantiate_slots(config.get("logger"), "logger", allow=allow).values()],
        "plugins": [*(instantiate(node, allow=allow) for node in config.trainer.plugins or ()), FolderIO()],
    }
    return instantiate(config.trainer, allow=allow, **made)


def _fit(trainer: Any, module: Any, data: Any, start: Start, record: RunMetadata) -> None:
    from unif2ace.callbacks.first_error import first_error

    try:
        with first_error(trainer):
            trainer.fit(module, datamodule=data, ckpt_path=start.path, weights_only=True)
    except (KeyboardInterrupt, SystemExit):  # the Trainer has saved a checkpoint and ends the process
        record.rescue(trainer)
        raise
    log.info("the run is in %s", record.folder)


def _tested(config: DictConfig, trainer: Any, data: Any, observers: list[Any]) -> dict[str, float]:
    if not config.test or trainer.fast_dev_run:
        return {}
    return measure_best(config, trainer, data, observers, Path(config.run_dir) / BEST_FILE)


NOTHING = f"""Nothing to train was chosen. Each experiment is a complete setting:

{{experiments}}

unif2ace-train experiment=attributes/synthetic_small    # trains
unif2ace-train experiment=unified/synthetic {FLAG}      # prints memory and FLOPs, without training
unif2ace-train --help                                   # all keys and groups
"""
OPTIONS = {
    f"{FLAG}[=8,64,json]": "print parameters, memory per rank and FLOPs, without training",
    "-m, --multirun": "run each combination of comma-separated values, such as seed=0,1; with "
    "hparams_search=optuna, run the trials of a search",
}
COMMAND = Command(train, Syntax("unif2ace-train", "train"), options=OPTIONS)


def main() -> None:
    """Entry point of the console command."""
    if not sys.argv[1:]:
        sys.stdout.write(NOTHING.format(experiments=experiments()))
        raise SystemExit(2)
    with one_line_errors():
        sys.argv[1:] = like_run(sys.argv[1:])
    run(replace(COMMAND, work=take_plan(sys.argv) or train))


if __name__ == "__main__":
    main()
