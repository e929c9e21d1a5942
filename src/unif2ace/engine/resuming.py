"""Finds the checkpoint to resume from, and compares the configuration with that of the checkpoint."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from unif2ace.checkpoints.finding import FOLDER, describe, is_checkpoint, listed, newest, verify
from unif2ace.checkpoints.reading import read_rest
from unif2ace.engine.checkpoint_reading import config_of
from unif2ace.engine.weights import FILE_NAME, read_header
from unif2ace.errors import ConfigError, DataError, nearest

log = logging.getLogger(__name__)

SILENT = (
    r"run_dir|name|paths\..*|image_tokenizer|classifier|ckpt|like|init_from|resume(_changes)?"
    r"|.*\.(path|folder|dirpath|.*_dir)"
)
"""Keys that are paths or resume options; they may change. Fingerprints compare the files at these paths."""
HARMLESS = re.compile(
    rf"({SILENT}|.*\.compile|(engine|extras|tags|hparams_search|logger|metric|module\.metrics|strategy|launcher)(\..*)?"
    r"|optimized_metric|monitor(_mode)?|test|callbacks(\.(?!(ema|calibrate)\b).*)?|run_callbacks(\.(?!random_state\b).*)?"
    r"|data\.(num_workers|prepare_per_node|max_eval_samples|max_drop_fraction)|(data\.datasets|dataset)\.\w+\.workers"
    r"|trainer\.(?!precision|accumulate_grad_batches|gradient_clip|overfit_batches|limit_train|sync_|use_distr).*)"
)
"""Keys that may change on resuming: they affect neither tensor shapes nor training."""
STOPPED_EARLY = "stopped_early"
"""Key of the weights file's header: whether early stopping ended the run."""
LENGTH = ("trainer.max_steps", "trainer.max_epochs")
"""Keys of the run's length. They may change on resuming unless a learning-rate schedule depends on them."""
SHOWN = 8


@dataclass(frozen=True, slots=True)
class Start:
    """Where a run starts.

    Attributes:
        path: The checkpoint; None to start at step 0.
        finished: Whether nothing is left to train: the checkpoint is at the last step, or early stopping ended the run
            there.
    """

    path: Path | None = None
    finished: bool = False


def find_start(config: DictConfig) -> Start:
    """Finds the checkpoint that ``resume`` names, and checks that it fits the configuration.

    Args:
        config: Configuration of the run, composed from ``train.yaml``.

    Raises:
        ConfigError: If there is no checkpoint at ``resume``, if a key outside `HARMLESS` has changed, or if the run
            would overwrite later checkpoints in ``run_dir``.
        DataError: If the checkpoint is damaged.
    """
    run = Path(config.run_dir)
    path = newest(run / FOLDER) if config.resume == "auto" else named(config.resume)
    if config.resume == "auto" and path is None:
        log.info("resume=auto: no checkpoint in %s, starting from the beginning", run)
    _check_later(run, path, config.resume)
    if path is None:
        return Start()
    _check_config(path, config)
    log.info("continuing from %s", path)
    step = describe(path).step if is_checkpoint(path) else 0
    return Start(path, finished=0 < config.trainer.max_steps <= step or _stopped_early(path, config))


def _stopped_early(path: Path, config: DictConfig) -> bool:
    """Whether early stopping ended the run of a checkpoint, and its settings are unchanged."""
    node = OmegaConf.select(config, "callbacks.early_stopping")
    before: Any = (config_of(path) or {}).get("callbacks") or {}
    if node is None or before.get("early_stopping") != OmegaConf.to_container(node, resolve=True):
        return False
    rest = read_rest(path)
    saved = rest.get("callbacks") or {}
    if any(name.startswith("EarlyStopping{") and state.get("stopping_reason") for name, state in saved.items()):
        return True
    weights = path.parent.parent / FILE_NAME  # a step that was saved before its validation does not know its end
    header = read_header(weights) if weights.is_file() else {}
    return bool(header.get(STOPPED_EARLY)) and header.get("steps") == rest.get("global_step")


def named(value: str | Path | None) -> Path | None:
    """The checkpoint at a path: a directory ``step-*``, a file ``*.ckpt``, or a run folder's newest checkpoint.

    Raises:
        ConfigError: If there is no checkpoint.
    """
    if value is None:
        return None
    path = Path(value)
    if is_checkpoint(path):
        return verify(path).path
    if path.is_file():
        return path
    if path.is_dir():
        old = sorted((*path.glob("*.ckpt"), *path.glob(f"{FOLDER}/*.ckpt")), key=lambda p: p.stat().st_mtime_ns)
        found = newest(path) or next((p for p in reversed(old) if p.is_file()), None)
        if found is None:
            raise ConfigError(f"resume={value}: this folder has no valid checkpoint; give a run folder or a checkpoint")
        return found
    beside = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
    raise ConfigError(f"resume={value}: does not exist{nearest(path.name, beside)}; give auto or a checkpoint")


def _check_later(run: Path, start: Path | None, resume: str | None) -> None:
    """Rejects a run folder that has later checkpoints than `start`: the run would overwrite them."""
    if resume == "auto":  # later checkpoints were found damaged
        return
    steps = listed(run / FOLDER)
    if steps and (start is None or start.resolve() != steps[-1].resolve()):
        raise ConfigError(
            f"{run} already holds checkpoints up to {steps[-1].name}: continue from them with resume=auto, "
            "give another run_dir=..., or remove them"
        )


def _check_config(path: Path, config: DictConfig) -> None:
    before = config_of(path)
    if before is None:
        log.info("%s has no configuration: the settings are not compared", path)
        return
    changed = changes(before, OmegaConf.to_container(config, resolve=True))
    curve = _changes_of_curve(path, changed, before, config)
    told = {key: text for key, text in changes_that_matter(changed, False).items()
            if key not in curve and not re.fullmatch(SILENT, key)}  # fmt: skip
    if told:
        log.info("changed since the checkpoint: %s", _lines(told.values(), "; "))
    refused = changes_that_matter(changed, True) | curve
    if refused and not config.resume_changes:
        raise ConfigError(
            f"{path}: the run of this checkpoint had another configuration (old -> new):\n  "
            f"{_lines(refused.values(), chr(10) + '  ')}\n"
            "use the old values, start a new run in another run_dir=..., or accept the changes with resume_changes=true"
        )
    if refused:
        log.warning("resume_changes=true: continuing with changed settings: %s", _lines(refused.values(), "; "))


def _changes_of_curve(path: Path, changed: Mapping[str, str], before: Any, config: DictConfig) -> dict[str, str]:
    """Changes of the run's length, if the learning rate depends on it.

    Raises:
        ConfigError: If the run gets longer and its schedule cannot: a OneCycleLR stores its length.
    """
    found = {key: changed[key] for key in LENGTH if key in changed}
    if not found or not config.get("lr_scheduler"):  # lr_scheduler=none is an empty mapping
        return {}
    fixed = str(config.lr_scheduler.get("_target_")).endswith(".OneCycleLR")  # its state holds the end of the curve
    old, new = _flat(before), _flat(OmegaConf.to_container(config, resolve=True))
    if fixed and any(_bound(new[key]) > _bound(old.get(key)) for key in found):
        raise ConfigError(
            f"{path}: lr_scheduler=one_cycle cannot continue beyond its old end ({_lines(found.values(), '; ')}): "
            "use the old value, or start a new run in another run_dir=...; lr_scheduler=cosine and none can be extended"
        )
    curve = "the old schedule, cut short" if fixed else "the new schedule"
    mend = f"the learning rate depends on it; resume_changes=true continues with {curve}"
    return {key: f"{text} ({mend})" for key, text in found.items()}


def _bound(number: int | None) -> float:
    """Maximum number of steps or epochs; infinity for None or a negative number, as in Lightning."""
    return math.inf if number is None or number < 0 else number


def changes(before: Any, now: Any) -> dict[str, str]:
    """Differences between two configurations: ``key: old -> new`` for each changed key.

    Args:
        before: Old configuration, as plain containers.
        now: New configuration, as plain containers.
    """
    old, new = _flat(before), _flat(now)
    keys = [k for k in sorted(old.keys() | new.keys()) if old.get(k, _before(k)) != new.get(k, _NOTHING)]
    return {k: f"{k}: {old.get(k, _before(k))} -> {new.get(k, _NOTHING)}" for k in keys}


_NOTHING = "(not there)"
_BEFORE = {
    r"(.*\.)?router\._target_": "unif2ace.nets.moe.routers.top_k.TopKRouter",
    r"(.*\.)?router\._partial_": True,
    r"module\.parameter_groups|(module\.)?finetune": {},
    r"optimizer\.groups": None,
    r"module\.corruptions": 1,
    r"data\.segmentation_dropout": 0.0,
}
"""Values that older runs used implicitly, by pattern of keys that did not exist yet."""


def _before(key: str) -> Any:
    return next((value for name, value in _BEFORE.items() if re.fullmatch(name, key)), _NOTHING)


def changes_that_matter(changed: Mapping[str, str], matter: bool = True) -> dict[str, str]:
    """The changes of keys outside `HARMLESS`; if `matter` is false, the changes of keys in `HARMLESS`."""
    return {key: text for key, text in changed.items() if (HARMLESS.fullmatch(key) is None) == matter}


def _lines(texts: Iterable[str], between: str) -> str:
    shown = list(texts)
    more = [f"and {len(shown) - SHOWN} more"] if len(shown) > SHOWN else []
    return between.join(shown[:SHOWN] + more)


def _flat(tree: Any, path: str = "") -> dict[str, Any]:
    if not isinstance(tree, dict) or not tree:
        return {path: tree}
    return {k: v for key, sub in tree.items() for k, v in _flat(sub, f"{path}.{key}".lstrip(".")).items()}


def check_sources(before: Mapping[str, Any], now: Mapping[str, Any], allowed: bool) -> None:
    """Compares the fingerprints of data sets and component networks in two records.

    Args:
        before: Record in the checkpoint.
        now: Record of this run.
        allowed: Whether fingerprints may differ; then a warning is logged instead of an error.

    Raises:
        DataError: If fingerprints differ and `allowed` is false.
    """
    old, new = _fingerprints(before), _fingerprints(now)
    differ = [key for key in sorted(old.keys() & new.keys()) if old[key] != new[key]]
    if not differ:
        return
    text = ", ".join(f"{key}: {str(old[key])[:12]} -> {str(new[key])[:12]}" for key in differ)
    if not allowed:
        raise DataError(
            f"the checkpoint was trained with other data sets or networks (fingerprints {text}): use the old ones, "
            "start a new run, or accept the change with resume_changes=true"
        )
    log.warning("resume_changes=true: continuing with other data sets or networks: %s", text)


def _fingerprints(record: Mapping[str, Any]) -> dict[str, str]:
    data = {
        f"data.{name}.{split}": described[split]["fingerprint"]
        for name, described in (record.get("data") or {}).items()
        for split in ("train",)
        if split in described
    }
    used = {name: entry.get("fingerprint", "") for name, entry in (record.get("components") or {}).items()}
    return {"kind": str(record.get("kind")), **data, **used} if record else {}
