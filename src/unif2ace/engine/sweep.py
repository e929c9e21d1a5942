"""Sweeps (``-m``): a job that fails is recorded and the others run; jobs that share a folder are refused."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins import basic_sweeper
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus, filter_overrides
from omegaconf import DictConfig, OmegaConf, open_dict

from unif2ace.engine.compose import explain, is_config_fault
from unif2ace.errors import ConfigError, Unif2aceError

log = logging.getLogger(__name__)
FAILED = "failed_jobs.txt"
"""File in the folder of a sweep with the jobs that failed, one a line."""
_FIRST_LINE = 300


def sweep_every_job(sweeper: Any, arguments: list[str]) -> list[Sequence[JobReturn]]:
    """Runs every job of a sweep, and then fails if one has failed.

    Args:
        sweeper: Hydra's sweeper, set up.
        arguments: Overrides as typed.

    Raises:
        ConfigError: If two jobs would write into one folder; no job has run then.
        Unif2aceError: After all jobs, if some have failed.
    """
    parser = OverridesParser.create(config_loader=sweeper.hydra_context.config_loader)
    typed = parser.parse_overrides([*sweeper._parse_config(), *arguments])
    jobs = [tuple(job) for batch in sweeper.split_arguments(typed, sweeper.max_batch_size) for job in batch]
    good, failed = _composed(sweeper, jobs)
    _refuse_shared(good)
    folder = Path(sweeper.config.hydra.sweep.dir)
    folder.mkdir(parents=True, exist_ok=True)
    OmegaConf.save(sweeper.config, folder / "multirun.yaml")
    returns: list[Sequence[JobReturn]] = []
    waiting, first = iter(good), 0
    while batch := list(islice(waiting, sweeper.max_batch_size)):
        returns.append(sweeper.launcher.launch(batch, initial_job_idx=first))
        first += len(batch)
    done = [one for batch in returns for one in batch]
    for number, (job, one) in enumerate(zip(good, done, strict=True)):
        if one.status != JobStatus.COMPLETED:
            failed.append(_line(number, job, one._return_value))
    if failed:
        text = "\n".join(failed)
        (folder / FAILED).write_text(text + "\n", encoding="utf-8")
        raise Unif2aceError(f"{len(failed)} of {len(jobs)} jobs failed, listed in {folder / FAILED}:\n{text}")
    return returns


@contextmanager
def every_job() -> Iterator[None]:
    """Lets Hydra's own sweeper run every job; a sweeper that is selected with ``hydra/sweeper=...`` is left alone."""
    Plugins.instance()  # may load the sweeper's module a second time, so it goes before the change
    sweeper: Any = basic_sweeper.BasicSweeper
    before = sweeper.sweep
    sweeper.sweep = sweep_every_job  # Hydra admits other sweepers only from its package of plugins
    try:
        yield
    finally:
        sweeper.sweep = before


def _composed(sweeper: Any, jobs: Sequence[tuple[str, ...]]) -> tuple[dict[tuple[str, ...], DictConfig], list[str]]:
    """Configurations of the jobs that can be composed, and what is wrong with the others.

    Raises:
        Exception: The first fault, if there is no job without one.
    """
    good: dict[tuple[str, ...], DictConfig] = {}
    faults: dict[tuple[str, ...], Exception] = {}
    for job in jobs:
        try:
            good[job] = sweeper.hydra_context.config_loader.load_sweep_config(sweeper.config, list(job))
        except Exception as error:
            if not is_config_fault(error):
                raise
            faults[job] = error
    if not good:
        raise next(iter(faults.values()))
    lines = [_line(None, job, explain(error)) for job, error in faults.items()]
    for line in lines:
        log.warning("this job is left out, the others run: %s", line)
    return good, lines


def _refuse_shared(jobs: Mapping[tuple[str, ...], DictConfig]) -> None:
    seen: dict[Any, int] = {}
    before = HydraConfig.instance().cfg
    try:
        for number, config in enumerate(jobs.values()):
            with open_dict(config):
                config.hydra.job.id = config.hydra.job.num = number
            HydraConfig.instance().set_config(config)
            key, place = _place(config)
            if not key:
                continue
            if place in seen:
                raise ConfigError(
                    f"jobs {seen[place]} and {number} of the sweep would both write to the folder of "
                    f"{key}={config[key]}: give each its own, such as '{key}={config[key] or 'logs'}/"
                    "${hydra:job.num}'" + (", or leave it out" if key == "run_dir" else "")
                )
            seen[place] = number
    finally:
        HydraConfig.instance().cfg = before


def _place(config: DictConfig) -> tuple[str, Any]:
    """The key that names where a job writes, and its value; empty if the job has a folder of its own."""
    key = next((key for key in ("out", "run_dir", "folder") if key in config), "")
    node: Any = config._get_node(key) if key else None
    if node is None or "${output_dir:" in str(node._value()):
        return "", None
    if config[key] is not None:
        return key, Path(str(config[key])).absolute()
    return key, tuple(str(config.get(name)) for name in ("ckpt", "folder"))  # beside what is read


def _line(number: int | None, job: Sequence[str], cause: Any) -> str:
    lines = str(cause).strip().splitlines() or [repr(cause)]
    kind = "" if isinstance(cause, str | Unif2aceError) else f"{type(cause).__name__}: "
    return f"{'-' if number is None else number} {' '.join(filter_overrides(job))}: {kind}{lines[0][:_FIRST_LINE]}"


def sweep_job(work: Callable[[DictConfig], Any], config: DictConfig) -> Any:
    """Does the work of one job; its error is logged at once, in the job's own log too, and raised.

    Args:
        work: Called with the configuration.
        config: Configuration of the job.

    Raises:
        Unif2aceError: In place of ``SystemExit`` with status 1, which would end the whole sweep.
    """
    try:
        return work(config)
    except SystemExit as error:
        if error.code != 1:  # a signal to the whole sweep
            raise
        raise Unif2aceError("it ended with status 1; its message is above") from error
    except Unif2aceError as error:
        log.error("this job failed, the others go on: %s", error)
        raise
    except Exception:
        log.exception("this job failed, the others go on")
        raise
