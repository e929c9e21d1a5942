"""Sweeps (``-m``). A failed job does not stop the other jobs. Jobs that would share a folder are rejected."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins import basic_sweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import DictConfig, OmegaConf

from unif2ace.engine.objective import optimized_names
from unif2ace.engine.search import search
from unif2ace.engine.sweep_jobs import cause_line, composed_jobs, job_metrics, refuse_shared, run_folder
from unif2ace.engine.sweep_table import SweepRow, fail_if_any, varied_keys, write_table
from unif2ace.errors import Unif2aceError

log = logging.getLogger(__name__)


def sweep_every_job(sweeper: Any, arguments: list[str]) -> list[Sequence[JobReturn]]:
    """Runs all jobs of a sweep, prints and writes the table of results, and raises an error if a job failed.

    Args:
        sweeper: Hydra's sweeper after its `setup`.
        arguments: Overrides as typed.

    Raises:
        ConfigError: Before the first job, if two jobs would write to the same folder.
        Unif2aceError: After all jobs, if a job failed.
    """
    if sweeper.config.get("hparams_search"):
        return search(sweeper, arguments)
    parser = OverridesParser.create(config_loader=sweeper.hydra_context.config_loader)
    typed = parser.parse_overrides([*sweeper._parse_config(), *arguments])
    jobs = [tuple(job) for batch in sweeper.split_arguments(typed, sweeper.max_batch_size) for job in batch]
    good, faults = composed_jobs(sweeper, jobs)
    refuse_shared(good)
    folder = Path(sweeper.config.hydra.sweep.dir)
    folder.mkdir(parents=True, exist_ok=True)
    OmegaConf.save(sweeper.config, folder / "multirun.yaml")
    returns: list[Sequence[JobReturn]] = []
    waiting, first = iter(good), 0
    while batch := list(islice(waiting, sweeper.max_batch_size)):
        returns.append(sweeper.launcher.launch(batch, initial_job_idx=first))
        first += len(batch)
    done = [one for batch in returns for one in batch]
    varied = varied_keys(jobs)
    rows = [SweepRow(None, "failed", job, varied, cause=cause) for job, cause in faults.items()]
    rows += [_row(number, job, varied, one) for number, (job, one) in enumerate(zip(good, done, strict=True))]
    optimized = next((optimized_names(config) for config in good.values()), [])
    sys.stdout.write(write_table(folder, rows, optimized))
    fail_if_any(folder, rows)
    return returns


def _row(number: int, job: Sequence[str], varied: Sequence[str], one: JobReturn) -> SweepRow:
    if one.status != JobStatus.COMPLETED:
        return SweepRow(number, "failed", job, varied, run_folder(one), cause=cause_line(one._return_value))
    return SweepRow(number, "done", job, varied, run_folder(one), job_metrics(one))


@contextmanager
def every_job() -> Iterator[None]:
    """Makes Hydra's default sweeper use `sweep_every_job`. Sweepers from ``hydra/sweeper=...`` are not changed."""
    Plugins.instance()  # may load the sweeper's module a second time, so it goes before the change
    sweeper: Any = basic_sweeper.BasicSweeper
    before = sweeper.sweep
    sweeper.sweep = sweep_every_job  # Hydra admits other sweepers only from its package of plugins
    try:
        yield
    finally:
        sweeper.sweep = before


def sweep_job(work: Callable[[DictConfig], Any], config: DictConfig) -> Any:
    """Runs one job of a sweep. An error is logged at once, also to the log file of the job, and raised again.

    Args:
        work: Function that runs the job; it receives the configuration.
        config: Configuration of the job.

    Raises:
        Unif2aceError: Instead of ``SystemExit`` with status 1, which would end the whole sweep.
    """
    try:
        return work(config)
    except SystemExit as error:
        if error.code != 1:  # a signal to the whole sweep
            raise
        raise Unif2aceError("the job ended with status 1; its error message is above") from error
    except Unif2aceError as error:
        log.error("this job failed, the others continue: %s", error)
        raise
    except Exception:
        log.exception("this job failed, the others continue")
        raise
