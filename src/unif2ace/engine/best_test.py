"""Evaluates the best weights of a run after training (``test=true``)."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from omegaconf import DictConfig

from unif2ace.engine.instantiate import instantiate
from unif2ace.engine.weights import FILE_NAME, load_net, read_header, read_weights
from unif2ace.errors import ConfigError

if TYPE_CHECKING:
    import lightning.pytorch as pl

    from unif2ace.data.datamodule import FaceDataModule

log = logging.getLogger(__name__)


def check_test(config: DictConfig) -> None:
    """Checks before training that ``test=true`` will find best weights to evaluate.

    Args:
        config: Composed from ``train.yaml``.

    Raises:
        ConfigError: If the run keeps no best weights, or never validates.
    """
    if not config.test:
        return
    if not (config.get("run_callbacks") or {}).get("best"):
        raise ConfigError(
            "test=true needs the best weights, but run_callbacks.best=null keeps none: remove one of the two"
        )
    if config.trainer.get("limit_val_batches") == 0:
        raise ConfigError(
            "test=true needs validations, but trainer.limit_val_batches=0 turns them off: remove one of the two"
        )


def measure_best(
    config: DictConfig, trainer: pl.Trainer, data: FaceDataModule, observers: Iterable[Any], path: Path
) -> dict[str, float]:
    """Evaluates the best weights on the whole validation split, and logs ``test/NAME`` to all loggers.

    Losses that need a discriminator are skipped, because the weights file does not contain the discriminator.

    Args:
        config: Composed from ``train.yaml``.
        trainer: Trainer of the run, after its training.
        data: Data of the run.
        observers: Callbacks of the run. Only its losses and its progress bar are used.
        path: Weights file ``best.safetensors``.

    Returns:
        Values by name, such as ``test/loss``.

    Raises:
        ConfigError: If `path` does not exist.
    """
    from unif2ace.callbacks.progress import TrainingProgress
    from unif2ace.losses.base import LossCallback

    if not path.is_file():
        raise ConfigError(
            f"test=true: {path} does not exist, because no validation gave a finite {config.monitor}: validate "
            "more often with trainer.val_check_interval=..., or give another monitor=..."
        )
    weights = read_weights(path)
    net = load_net(weights, weights.kind, config.engine.allow)
    module = instantiate(config.module, allow=config.engine.allow, net=lambda: net, optimizer=_no_training)
    losses = [o for o in observers if isinstance(o, LossCallback) and "discriminator" not in o.reads]
    progress = [o for o in observers if isinstance(o, TrainingProgress)]
    loggers = [*trainer.loggers]
    steps = trainer.global_step or int(read_header(path.with_name(FILE_NAME))["steps"])  # of a run that was finished
    trainer.callbacks, trainer.loggers = [*losses, *progress], []  # type: ignore[attr-defined]
    data.max_eval_samples = None
    try:
        trainer.validate(module, datamodule=data, verbose=False)
    finally:
        trainer.loggers = loggers
    measured = {name: float(value) for name, value in trainer.callback_metrics.items()}
    values = {f"test/{name.partition('/')[2]}": value for name, value in measured.items() if name.startswith("val/")}
    for logger in loggers:
        logger.log_metrics(values, steps)
        logger.finalize("success")
    if trainer.is_global_zero:
        log.info("test of %s, step %s: %s", path, weights.header["steps"], _told(values))
    return values


def _told(values: dict[str, float]) -> str:
    return ", ".join(f"{name.removeprefix('test/')} {value:.4g}" for name, value in sorted(values.items()))


def _no_training(*_: Any) -> NoReturn:
    raise AssertionError("a test does not train")
