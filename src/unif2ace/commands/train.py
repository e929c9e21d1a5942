"""`unif2ace-train`: trains one module on the shared data."""

from __future__ import annotations

import logging
import warnings
from typing import Any

from omegaconf import DictConfig

from unif2ace.engine.command import run
from unif2ace.engine.instantiate import instantiate, instantiate_slots
from unif2ace.engine.snapshot import write_snapshot

log = logging.getLogger(__name__)


def train(config: DictConfig) -> dict[str, float]:
    """Trains what the configuration describes.

    Args:
        config: As composed from ``train.yaml``.

    Returns:
        The last value of everything that was logged.

    Raises:
        ConfigError: If the configuration cannot be built.
    """
    import lightning.pytorch as pl
    import torch

    _hush()
    allow = config.engine.allow
    torch.set_float32_matmul_precision("high")
    pl.seed_everything(config.seed, workers=True, verbose=False)
    data = instantiate(config.data, allow=allow)
    module = instantiate(config.module, allow=allow)
    losses = instantiate_slots(config.get("loss"), "loss", allow=allow)
    callbacks = instantiate_slots(config.get("callbacks"), "callbacks", allow=allow)
    loggers = instantiate_slots(config.get("logger"), "logger", allow=allow)
    trainer = instantiate(
        config.trainer, allow=allow, callbacks=[*losses.values(), *callbacks.values()], logger=[*loggers.values()]
    )
    if trainer.is_global_zero:
        write_snapshot(config, config.run_dir)
    trainer.fit(module, datamodule=data, ckpt_path=config.ckpt, weights_only=True)
    metrics: dict[str, Any] = trainer.callback_metrics
    log.info("the run is in %s", config.run_dir)
    return {name: float(value) for name, value in metrics.items()}


def _hush() -> None:
    """Leaves out what other packages print at every start and nobody can act on."""
    for message in (".*set_vital.*", ".*LeafSpec.*", ".*does not have many workers.*", ".*exists and is not empty.*"):
        warnings.filterwarnings("ignore", message=message)
    no_tips = logging.Filter()
    no_tips.filter = lambda record: "Tip:" not in record.getMessage()  # type: ignore[method-assign]
    logging.getLogger("lightning.pytorch.utilities.rank_zero").addFilter(no_tips)
    for name in ("lightning", "lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).handlers.clear()  # their messages reach the root's handlers as well


def main() -> None:
    """Entry point of the console command."""
    run("train", train)


if __name__ == "__main__":
    main()
