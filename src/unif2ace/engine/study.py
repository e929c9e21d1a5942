"""Creates the Optuna study of a hyperparameter search, with its sampler and pruner."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig

from unif2ace.errors import ConfigError

SAMPLERS = {"tpe": "TPESampler", "random": "RandomSampler", "grid": "RandomSampler", "cmaes": "CmaEsSampler"}
"""Optuna's class of each sampler. With ``grid`` the search enqueues every setting, so the sampler is not used."""
PRUNERS = {
    "median": "MedianPruner",
    "halving": "SuccessiveHalvingPruner",
    "hyperband": "HyperbandPruner",
    "none": "NopPruner",
}
PRUNED_AT = "pruned_at"
"""Attribute of a pruned trial: the step of its last validation."""
_BUSY = 120
"""Seconds to wait while another process writes to the SQLite file."""


def optuna() -> Any:
    """Imports the package optuna.

    Raises:
        ConfigError: If optuna is not installed.
    """
    try:
        import optuna as package
    except ImportError:
        raise ConfigError(
            "hparams_search needs the package optuna: pip install 'unif2ace[sweep]', or pip install optuna; a plain "
            "sweep works without optuna: unif2ace-train -m optimizer.lr=1e-4,1e-3"
        ) from None
    package.logging.set_verbosity(package.logging.WARNING)
    return package


def open_study(options: Mapping[str, Any]) -> Any:
    """Opens the study in its database, or creates it.

    Args:
        options: The node `hparams_search`, as plain values.

    Raises:
        ConfigError: If the database cannot be used, or an option is wrong.
    """
    package = optuna()
    storage = str(options["storage"])
    pruner = _make(package.pruners, PRUNERS, "pruner", options)
    try:
        return package.create_study(
            study_name=options["study_name"],
            storage=database(storage),
            directions=directions(options),
            pruner=pruner,
            sampler=make_sampler(options, 0),
            load_if_exists=True,
        )
    except ConfigError:
        raise
    except Exception as error:  # of the database's package, which is any
        reason = (str(error).splitlines() or [repr(error)])[0]
        raise ConfigError(f"hparams_search.storage={storage} cannot be used: {reason}") from error


def database(url: str) -> Any:
    """Optuna's connection to a database.

    Args:
        url: SQLAlchemy URL, such as ``sqlite:////folder/study.db``.
    """
    connect = {"connect_args": {"timeout": _BUSY}} if url.startswith("sqlite:") else {}
    return optuna().storages.RDBStorage(url, engine_kwargs=connect)


def check_trial(config: DictConfig) -> None:
    """Rejects a single run (without ``-m``) that has ``hparams_search``.

    Args:
        config: Composed from ``train.yaml``.

    Raises:
        ConfigError: If ``hparams_search`` is set, but the run is not a trial of a search.
    """
    if config.get("hparams_search") and config.hparams_search.trial is None:
        raise ConfigError("hparams_search needs a sweep: run unif2ace-train -m, or leave hparams_search out")


def make_sampler(options: Mapping[str, Any], number: int) -> Any:
    """The sampler of one trial. Its seed depends on `number`, so a resumed search does not repeat random numbers.

    Args:
        options: The node `hparams_search`, as plain values.
        number: Number of earlier trials in the study.

    Raises:
        ConfigError: If an option is wrong, or the package cmaes is missing.
    """
    import numpy as np

    if options["sampler"] == "cmaes" and importlib.util.find_spec("cmaes") is None:
        raise ConfigError("hparams_search.sampler=cmaes needs the package cmaes: pip install cmaes")
    seed = int(np.random.SeedSequence([options["seed"], number]).generate_state(1)[0])
    return _make(optuna().samplers, SAMPLERS, "sampler", options, seed=seed)


def directions(options: Mapping[str, Any]) -> list[str]:
    """The direction of each metric, ``minimize`` or ``maximize``.

    Raises:
        ConfigError: If a direction is neither ``minimize`` nor ``maximize``.
    """
    given = options["direction"]
    found = [given] if isinstance(given, str) else list(given)
    if not found or not set(found) <= {"minimize", "maximize"}:
        raise ConfigError(f"hparams_search.direction={given}: must be minimize or maximize, or a list of these")
    return found


def _make(package: Any, names: Mapping[str, str], key: str, options: Mapping[str, Any], **more: Any) -> Any:
    name, given = options[key], options[f"{key}_options"] or {}
    try:
        return getattr(package, names[name])(**more, **given)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"hparams_search.{key}_options={given} does not fit hparams_search.{key}={name}: {error}"
        ) from error
