"""Loads trained weights into a new run (``init_from``), for fine-tuning."""

from __future__ import annotations

import filecmp
import logging
import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unif2ace.engine.fingerprint import SHOWN
from unif2ace.engine.resuming import changes
from unif2ace.engine.weights import Weights, check_names, read_weights
from unif2ace.errors import ConfigError, DataError

if TYPE_CHECKING:
    import lightning.pytorch as pl

log = logging.getLogger(__name__)

AT_FIRST = re.compile(
    r"attention|gradient_checkpointing|text_init_std|moe\.(residual_scale_init|backend(\..*)?)|pretrained|drop_rate"
    r"|decoder_.*"  # a decoder that does not fit is rejected, or was exchanged on purpose
)
"""Keys of a network's configuration (regular expression) whose values may differ from those of the weights."""


def open_first(path: str | Path, kind: str) -> Weights:
    """Reads the weights that a run starts from.

    Args:
        path: ``builtin``, a release folder, a run folder, a weights file or a checkpoint.
        kind: Kind of the network that the run trains.

    Raises:
        DataError: If there are no weights at `path`, or they are damaged.
        ConfigError: If the weights are of another kind.
    """
    weights = read_weights(path, kind)
    if weights.kind != kind:
        raise ConfigError(f"init_from={path} has kind {weights.kind!r}: this run needs weights of kind {kind!r}")
    return weights


def start_from(
    weights: Weights, components: Mapping[str, Mapping[str, str]], built: Mapping[str, Any] | None = None
) -> pl.Callback:
    """Makes a callback that loads weights into a run's network before the first step. Optimizer state is not loaded.

    Under every strategy, each process reads the whole file and keeps its own shard.

    Args:
        weights: Result of `open_first`.
        components: Trained networks that this run uses, see `run_metadata.components`. A warning is logged if the
            weights were trained with other networks.
        built: Configuration of this run's network. A warning is logged if the weights were trained with other
            settings.

    Raises:
        ConfigError: From the callback, if names or shapes of tensors, or the text tokenizers, differ.
    """
    import lightning.pytorch as pl

    def load(trainer: pl.Trainer, module: pl.LightningModule) -> None:
        from unif2ace.checkpoints.sharded import shard_like
        from unif2ace.nets.lora import adapted_names

        net: Any = module.net
        _check_text(weights, getattr(trainer.datamodule, "text_tokenizer", None))  # type: ignore[attr-defined]
        state = net.state_dict()
        given = adapted_names(weights.state, state)
        own = _without_replaced(getattr(module, "replaceable_parts", ()), given, state)
        try:
            mixture = _upcycled(net, own, state)
            complete = _with_added(net, own, state, module) if mixture is None else {**state, **mixture}
            check_names(replace(weights, state=complete), state)
        except (ConfigError, DataError) as error:
            cause = str(error).removeprefix(f"{weights.path}: ")
            mend = "give the network the configuration that these weights were trained with"
            raise ConfigError(f"init_from={weights.path}: {cause}; {mend}") from error
        own = own if mixture is None else mixture
        net.load_state_dict({n: shard_like(own[n], value) if n in own else value for n, value in state.items()})
        log.info("starting from weights %s: %s", weights.short, weights.path)

    for kind, used in components.items():
        before, now = weights.header.get("components", {}).get(kind, {}).get("fingerprint", "none"), used["fingerprint"]
        if before != now:
            log.warning("the weights were trained with %s %s, this run uses %s", kind, before[:SHOWN], now[:SHOWN])
    differ = changes(weights.config, built or {})
    dense = any(".token_moe.network." in name for name in weights.state)
    kept = (k for k in differ if not (AT_FIRST.fullmatch(k) or (dense and k.startswith("moe."))))  # upcycled below
    for key in (k for k in kept if "(not there)" not in differ[k]):
        log.warning("init_from: the weights were trained with another setting (old -> new): net.%s", differ[key])
    return pl.callbacks.LambdaCallback(on_fit_start=load)


def _without_replaced(parts: Collection[str], given: Mapping[str, Any], state: Mapping[str, Any]) -> Mapping[str, Any]:
    """Drops the given tensors of each replaceable part whose names or shapes differ; such a part starts untrained."""
    kept = dict(given)
    for part in parts:
        theirs, ours = ({n: v.shape for n, v in s.items() if n.split(".")[0] == part} for s in (given, state))
        if theirs != ours:
            log.info("the %s of the weights has other tensors: the %s of this run starts untrained", part, part)
            kept = {name: value for name, value in kept.items() if name not in theirs}
    return kept


def _upcycled(net: Any, given: Mapping[str, Any], state: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Expert tensors that reproduce the given dense transformer; None if the given tensors are not dense."""
    from unif2ace.nets.transformer.upcycle import is_dense, upcycled

    if not is_dense(given) or is_dense(state):
        return None
    made = upcycled(net, given)
    log.info("the weights are dense: they initialize the shared experts; all other experts start with zero output")
    return made


def _with_added(net: Any, given: Mapping[str, Any], state: Mapping[str, Any], module: Any) -> Mapping[str, Any]:
    """Completes the given tensors with the network's own tensors of replaceable and of optional parts.

    Missing optional parts are initialised to have no effect.
    """
    replaceable = getattr(module, "replaceable_parts", ())
    missing = state.keys() - given.keys()
    parts = {name.split(".")[0] for name in missing} - set(replaceable)
    if not parts <= set(getattr(net, "optional_parts", ())):
        return given
    if parts:
        net.zero_init_()
        log.info("the weights have no %s: this part starts with no effect", ", ".join(sorted(parts)))
    return {**given, **{name: state[name] for name in missing}}


def _check_text(weights: Weights, now: Any) -> None:
    file = weights.text_file
    if now is not None and file.is_file() and not filecmp.cmp(file, now.path, shallow=False):
        raise ConfigError(
            f"{weights.path} was not trained with the text tokenizer {now.path}, so token ids differ; "
            f"set data.text_tokenizer={file}"
        )
