"""Fine-tuning: a new run that starts from trained weights instead of random ones."""

from __future__ import annotations

import filecmp
import logging
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unif2ace.engine.fingerprint import SHOWN
from unif2ace.engine.resuming import changes
from unif2ace.engine.weights import TEXT_FILE, Weights, check_names, read_weights
from unif2ace.errors import ConfigError, DataError

if TYPE_CHECKING:
    import lightning.pytorch as pl

log = logging.getLogger(__name__)

AT_FIRST = re.compile(r"attention|checkpoint|text_init_std|moe\.(scale|experts\..*)|pretrained|drop_rate")
"""Of a network's configuration, what trained weights do not depend on."""


def open_first(path: str | Path, kind: str) -> Weights:
    """The weights that a run starts from.

    Args:
        path: ``builtin``, a release folder, a run's folder, a weights file or a checkpoint.
        kind: Of the network that is to be trained.

    Raises:
        DataError: If there are none, or they are damaged.
        ConfigError: If they are of another kind.
    """
    weights = read_weights(path, kind)
    if weights.kind != kind:
        raise ConfigError(f"init_from={path} are of kind {weights.kind!r}; this run trains {kind!r}: give such weights")
    return weights


def start_from(
    weights: Weights, components: Mapping[str, Mapping[str, str]], built: Mapping[str, Any] | None = None
) -> pl.Callback:
    """Puts weights into a run's network before the first step; optimiser, schedule and steps are those of a new run.

    Each process reads the whole and keeps its part, whatever the strategy.

    Args:
        weights: As `open_first` gives them.
        components: The trained networks that the run uses; another one than the weights were trained with is told.
        built: What the run's network is built of; where the weights' own was built otherwise, that is told.

    Raises:
        ConfigError: From the callback, if the run's network has other tensors, or its text tokenizer is another.
    """
    import lightning.pytorch as pl

    def load(trainer: pl.Trainer, module: pl.LightningModule) -> None:
        from unif2ace.checkpoints.sharded import shard_like

        net: Any = module.net
        _check_text(weights, getattr(trainer.datamodule, "text_tokenizer", None))  # type: ignore[attr-defined]
        state = net.state_dict()
        given = _with_added(net, weights.state, state)
        try:
            check_names(replace(weights, state=given), state)
        except DataError as error:
            raise ConfigError(f"init_from: {error}; build the network as theirs was") from error
        own = weights.state
        net.load_state_dict({n: shard_like(own[n], value) if n in own else value for n, value in state.items()})
        log.info("starting from weights %s: %s", weights.short, weights.path)

    for kind, used in components.items():
        before, now = weights.header.get("components", {}).get(kind, {}).get("fingerprint", "none"), used["fingerprint"]
        if before != now:
            log.warning("the weights were trained with %s %s, this run uses %s", kind, before[:SHOWN], now[:SHOWN])
    differ = changes(weights.config, built or {})
    for key in (k for k in differ if "(not there)" not in differ[k] and not AT_FIRST.fullmatch(k)):
        log.warning("the weights' network was built otherwise (net.%s): it starts from another function", differ[key])
    return pl.callbacks.LambdaCallback(on_fit_start=load)


def _with_added(net: Any, given: Mapping[str, Any], state: Mapping[str, Any]) -> Mapping[str, Any]:
    """Given tensors, with the network's own of parts that it may have without changing what it computes at first."""
    missing = state.keys() - given.keys()
    parts = {name.split(".")[0] for name in missing}
    if not missing or not parts <= set(getattr(net, "optional_parts", ())):
        return given
    net.zero_init_()
    log.info("the weights have no %s: new, and without effect until it learns", ", ".join(sorted(parts)))
    return {**given, **{name: state[name] for name in missing}}


def _check_text(weights: Weights, now: Any) -> None:
    folder = weights.path.parent
    file = (folder.parent if folder.name == "checkpoints" else folder) / TEXT_FILE
    if now is not None and file.is_file() and not filecmp.cmp(file, now.path, shallow=False):
        raise ConfigError(
            f"{weights.path} was trained with another text tokenizer than {now.path}: the same number means another "
            f"word; set data.text_tokenizer={file}"
        )
