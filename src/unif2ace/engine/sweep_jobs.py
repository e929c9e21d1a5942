"""Jobs of a sweep: their configurations, output folders, metrics and one-line descriptions."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, filter_overrides
from omegaconf import DictConfig, open_dict

from unif2ace.engine.compose import explain, is_config_fault
from unif2ace.engine.objective import optimized_names
from unif2ace.engine.weights import FILE_NAME, read_header
from unif2ace.errors import ConfigError, Unif2aceError

log = logging.getLogger(__name__)
_FIRST_LINE = 300


Job = tuple[str, ...]
"""The overrides of a job."""


def composed_jobs(sweeper: Any, jobs: Sequence[Job]) -> tuple[dict[Job, DictConfig], dict[Job, str]]:
    """Composes the configuration of each job. Returns configurations of the good jobs and error lines of the others.

    Raises:
        Exception: The first error, if no job can be composed.
    """
    good: dict[Job, DictConfig] = {}
    faults: dict[Job, Exception] = {}
    for job in jobs:
        try:
            good[job] = sweeper.hydra_context.config_loader.load_sweep_config(sweeper.config, list(job))
        except Exception as error:
            if not is_config_fault(error):
                raise
            faults[job] = error
    if not good:
        raise next(iter(faults.values()))
    causes = {job: cause_line(explain(error)) for job, error in faults.items()}
    for job, cause in causes.items():
        log.warning("skipping a job whose configuration is wrong, the other jobs run: %s: %s", shown(job), cause)
    return good, causes


def refuse_shared(jobs: Mapping[Any, DictConfig]) -> None:
    """Rejects jobs that would write to the same folder.

    Args:
        jobs: Configuration of each job.

    Raises:
        ConfigError: If two jobs share a folder. The message says how to give each job its own folder.
    """
    seen: dict[Any, int] = {}
    before = HydraConfig.instance().cfg
    try:
        for number, config in enumerate(jobs.values()):
            with open_dict(config):
                config.hydra.job.id = config.hydra.job.num = number
            HydraConfig.instance().set_config(config)
            key, place = place_of(config)
            if not key:
                continue
            place = place, config.get("part")  # parts of the same work share a folder
            if place in seen:
                raise ConfigError(
                    f"jobs {seen[place]} and {number} of the sweep would both write to "
                    f"{key}={config[key] or 'null'}: give each job its own folder, such as "
                    f"'{key}={config[key] or 'logs'}/${{hydra:job.num}}'"
                    + (", or leave out run_dir" if key == "run_dir" else "")
                )
            seen[place] = number
    finally:
        HydraConfig.instance().cfg = before


def place_of(config: DictConfig) -> tuple[str, Any]:
    """The key that sets where a job writes, and its path; an empty key if Hydra gives each job its own folder."""
    key = next((key for key in ("out", "run_dir", "folder") if key in config), "")
    node: Any = config._get_node(key) if key else None
    if node is None or "${output_dir:" in str(node._value()):
        return "", None
    if config[key] is not None:
        return key, Path(str(config[key])).absolute()
    return key, tuple(str(config.get(name)) for name in ("ckpt", "folder"))  # beside what is read


def run_folder(one: JobReturn) -> str:
    """The folder that a job wrote to; empty if it wrote next to its input, or did not start."""
    if one.cfg is None or one.hydra_cfg is None:
        return ""
    before = HydraConfig.instance().cfg
    HydraConfig.instance().set_config(one.hydra_cfg)
    try:
        key, place = place_of(one.cfg)
    finally:
        HydraConfig.instance().cfg = before
    if key:
        return "" if isinstance(place, tuple) else str(place)
    return str(one.hydra_cfg.hydra.runtime.output_dir)


def job_metrics(one: JobReturn) -> dict[str, float]:
    """The last metrics of a finished job: returned by the job, or read from the header of its weights file."""
    value = one.return_value
    if isinstance(value, Mapping):
        return {str(k): float(v) for k, v in value.items() if isinstance(v, int | float)}
    file = Path(run_folder(one)) / FILE_NAME
    names = optimized_names(one.cfg) if one.cfg is not None else []
    kept = read_header(file).get("metrics") or {} if names and file.is_file() else {}
    values = value if isinstance(value, list) else [value]
    return {k: v for k, v in kept.items() if v is not None} | dict(zip(names, values, strict=False))


def shown(job: Sequence[str]) -> str:
    """The overrides of a job in one line, without those of Hydra."""
    return " ".join(filter_overrides(job))


def cause_line(cause: Any) -> str:
    """The first line of an error or of its message, with the type of an unexpected error."""
    lines = str(cause).strip().splitlines() or [repr(cause)]
    kind = "" if isinstance(cause, str | Unif2aceError) else f"{type(cause).__name__}: "
    return f"{kind}{lines[0][:_FIRST_LINE]}"
