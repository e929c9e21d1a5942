"""Finds the checkpoint to resume from, and checks that the configuration still matches."""

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
"""Keys that are paths or resume options; the files at these paths are compared by fingerprints."""
HARMLESS = re.compile(
    rf"({SILENT}|.*\.compile|(engine|extras|tags|hparams_search|logger|metric|module\.metrics|strategy|launcher)(\..*)?"
    r"|optimized_metric|monitor(_mode)?|test|callbacks(\.(?!(ema|calibrate)\b).*)?|run_callbacks(\.(?!random_state\b).*)?"
    r"|data\.(num_workers|prepare_per_node|max_eval_samples|max_drop_fraction)|(data\.datasets|dataset)\.\w+\.workers"
    r"|trainer\.(?!precision|accumulate_grad_batches|gradient_clip|overfit_batches|limit_train|sync_|use_distr).*)"
)
"""Keys that affect neither shapes nor what is learned from which samples."""
STOPPED_EARLY = "stopped_early"
"""Entry of the weights file's header: whether early stopping has ended the run."""
LENGTH = ("trainer.max_steps", "trainer.max_epochs")
"""Keys of the run's length, which a learning-rate schedule depends on; harmless without a schedule."""
SHOWN = 8


@dataclass(frozen=True, slots=True)
class Start:
    """Where a run starts.

    Attributes:
        path: The checkpoint; None to start from the beginning.
        finished: Whether that checkpoint is of the last step already, or early stopping has ended the run there, so
            that nothing is left to train.
    """

    path: Path | None = None
    finished: bool = False


def find_start(config: DictConfig) -> Start:
    """Finds the checkpoint of ``resume``, and checks that it fits the configuration.

    Args:
        config: Configuration of the run, composed from ``train.yaml``.

    Raises:
        ConfigError: If ``resume`` is a path without a checkpoint, a relevant part of the configuration has changed, or
            the folder has checkpoints that would be overwritten.
        DataError: If the named checkpoint is damaged.
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
    """Whether a checkpoint is of a run that early stopping has ended, with the settings that it still has."""
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
    """The checkpoint at a path: a directory of a step, a file ``*.ckpt``, or the newest checkpoint of a run folder.

    Raises:
        ConfigError: If there is none.
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
            raise ConfigError(f"resume={value}: there is no valid checkpoint in it")
        return found
    beside = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
    raise ConfigError(f"resume={value}: there is no such checkpoint{nearest(path.name, beside)}; it is auto or a path")


def _check_later(run: Path, start: Path | None, resume: str | None) -> None:
    """Rejects a run folder with checkpoints later than the one to start from."""
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
        log.info("%s does not say what it was configured with: nothing is compared", path)
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
            f"{path} is of a run with another configuration:\n  {_lines(refused.values(), chr(10) + '  ')}\n"
            "take the values of that run, start a new run in another run_dir=..., or continue nevertheless with "
            "resume_changes=true"
        )
    if refused:
        log.warning("continuing although this has changed: %s", _lines(refused.values(), "; "))


def _changes_of_curve(path: Path, changed: Mapping[str, str], before: Any, config: DictConfig) -> dict[str, str]:
    """Changes of the run's length, if the learning rate depends on it.

    Raises:
        ConfigError: If the schedule cannot continue beyond its old end.
    """
    found = {key: changed[key] for key in LENGTH if key in changed}
    if not found or not config.get("lr_scheduler"):  # lr_scheduler=none is an empty mapping
        return {}
    fixed = str(config.lr_scheduler.get("_target_")).endswith(".OneCycleLR")  # its state holds the end of the curve
    old, new = _flat(before), _flat(OmegaConf.to_container(config, resolve=True))
    if fixed and any(_bound(new[key]) > _bound(old.get(key)) for key in found):
        raise ConfigError(
            f"{path} holds the whole curve of lr_scheduler=one_cycle, which cannot continue beyond its end "
            f"({_lines(found.values(), '; ')}): take the values of that run, or start a new run in another "
            "run_dir=..., with lr_scheduler=cosine or none if the run may be extended later"
        )
    curve = "the old curve, cut short" if fixed else "the new curve"
    mend = f"the learning rate is spread over it, resume_changes=true continues with {curve}"
    return {key: f"{text} ({mend})" for key, text in found.items()}


def _bound(number: int | None) -> float:
    """Steps or epochs as Lightning reads them: negative values and None mean no limit."""
    return math.inf if number is None or number < 0 else number


def changes(before: Any, now: Any) -> dict[str, str]:
    """Differences between two configurations, as ``key: old -> new``, by key.

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
"""What runs did that were configured before a key existed."""


def _before(key: str) -> Any:
    return next((value for name, value in _BEFORE.items() if re.fullmatch(name, key)), _NOTHING)


def changes_that_matter(changed: Mapping[str, str], matter: bool = True) -> dict[str, str]:
    """The changes that make it a different run, or the others."""
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
    """Compares fingerprints of data and of trained networks in two records of a run.

    Args:
        before: Record of the checkpoint.
        now: Record of this run.
        allowed: Whether they may differ; then only a warning is logged.

    Raises:
        DataError: If they differ.
    """
    old, new = _fingerprints(before), _fingerprints(now)
    differ = [key for key in sorted(old.keys() & new.keys()) if old[key] != new[key]]
    if not differ:
        return
    text = ", ".join(f"{key}: {str(old[key])[:12]} -> {str(new[key])[:12]}" for key in differ)
    if not allowed:
        raise DataError(
            f"the checkpoint was trained on other data or with other networks ({text}): give those, start a new run, "
            "or continue nevertheless with resume_changes=true"
        )
    log.warning("continuing with other data or networks: %s", text)


def _fingerprints(record: Mapping[str, Any]) -> dict[str, str]:
    data = {
        f"data.{name}.{split}": described[split]["fingerprint"]
        for name, described in (record.get("data") or {}).items()
        for split in ("train",)
        if split in described
    }
    used = {name: entry.get("fingerprint", "") for name, entry in (record.get("components") or {}).items()}
    return {"kind": str(record.get("kind")), **data, **used} if record else {}
