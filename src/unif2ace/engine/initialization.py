"""Fine-tuning: a new run that starts from trained weights."""

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
    r"|decoder_.*"  # a decoder that does not fit is refused, or meant to be another one
)
"""Keys of a network's configuration that do not affect which trained weights fit."""


def open_first(path: str | Path, kind: str) -> Weights:
    """The weights that a run starts from.

    Args:
        path: ``builtin``, a release folder, a run folder, a weights file or a checkpoint.
        kind: Kind of the network that is trained.

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
    """A callback that loads weights into a run's network before the first step; the optimizer starts fresh.

    Every process reads the whole file and keeps its part, under any strategy.

    Args:
        weights: Result of `open_first`.
        components: The trained networks that the run uses; a warning is logged if they differ from those of the
            weights.
        built: Configuration of the run's network; a warning is logged if it differs from that of the weights.

    Raises:
        ConfigError: From the callback, if the run's network has other tensors, or another text tokenizer.
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
            raise ConfigError(f"init_from={weights.path}: {cause}; build the network as theirs was") from error
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
        log.warning("the weights' network had other settings (net.%s): the new one differs", differ[key])
    return pl.callbacks.LambdaCallback(on_fit_start=load)


def _without_replaced(parts: Collection[str], given: Mapping[str, Any], state: Mapping[str, Any]) -> Mapping[str, Any]:
    """The given tensors without those of replaceable parts that do not fit the network: these parts start untrained."""
    kept = dict(given)
    for part in parts:
        theirs, ours = ({n: v.shape for n, v in s.items() if n.split(".")[0] == part} for s in (given, state))
        if theirs != ours:
            log.info("the weights' %s is built otherwise: this run's %s starts untrained", part, part)
            kept = {name: value for name, value in kept.items() if name not in theirs}
    return kept


def _upcycled(net: Any, given: Mapping[str, Any], state: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Tensors with which the network's experts compute what a dense transformer does; None if none is given."""
    from unif2ace.nets.transformer.upcycle import is_dense, upcycled

    if not is_dense(given) or is_dense(state):
        return None
    made = upcycled(net, given)
    log.info("the weights are dense: they become the shared experts, and all other experts start without effect")
    return made


def _with_added(net: Any, given: Mapping[str, Any], state: Mapping[str, Any], module: Any) -> Mapping[str, Any]:
    """The given tensors, and the network's own of replaced parts and of missing optional parts, set to no effect."""
    replaceable = getattr(module, "replaceable_parts", ())
    missing = state.keys() - given.keys()
    parts = {name.split(".")[0] for name in missing} - set(replaceable)
    if not parts <= set(getattr(net, "optional_parts", ())):
        return given
    if parts:
        net.zero_init_()
        log.info("the weights have no %s: new, and without effect until it learns", ", ".join(sorted(parts)))
    return {**given, **{name: state[name] for name in missing}}


def _check_text(weights: Weights, now: Any) -> None:
    file = weights.text_file
    if now is not None and file.is_file() and not filecmp.cmp(file, now.path, shallow=False):
        raise ConfigError(
            f"{weights.path} was trained with another text tokenizer than {now.path}: token ids differ; "
            f"set data.text_tokenizer={file}"
        )
