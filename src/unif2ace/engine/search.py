"""Hyperparameter search with Optuna: a sweep whose jobs are the trials of a study.

The study is stored in a database. The same command therefore continues a search, also from several processes at once.
Each process holds a lock file while it runs. If the process of a running trial has ended, the trial is marked as failed
and its settings are tried again.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from omegaconf import OmegaConf

from unif2ace.data.output_lock import RANKS, output_lock
from unif2ace.engine.key_types import check_values
from unif2ace.engine.objective import optimized_names
from unif2ace.engine.search_space import SearchSpace
from unif2ace.engine.study import PRUNED_AT, directions, make_sampler, open_study, optuna
from unif2ace.engine.sweep_jobs import cause_line, composed_jobs, job_metrics, refuse_shared, run_folder
from unif2ace.engine.sweep_table import SweepRow, fail_if_any, write_table
from unif2ace.engine.words import quoted
from unif2ace.errors import ConfigError
from unif2ace.metrics.logged import MetricError

log = logging.getLogger(__name__)
KEY = "hydra.sweep.dir"
STATUS = {"COMPLETE": "done", "PRUNED": "pruned", "FAIL": "failed", "RUNNING": "running"}


def search(sweeper: Any, arguments: Sequence[str]) -> list[Sequence[JobReturn]]:
    """Runs trials until the study has ``hparams_search.n_trials``, then prints and writes their table.

    Args:
        sweeper: Hydra's sweeper after its `setup`.
        arguments: Overrides as typed.

    Raises:
        ConfigError: If a setting is wrong, or differs from those with which the search was begun.
        Unif2aceError: After all trials, if a trial failed.
    """
    _refuse_ranks()
    options: Any = OmegaConf.to_container(sweeper.config.hparams_search, resolve=True)
    folder = Path(sweeper.config.hydra.sweep.dir).absolute()
    space = SearchSpace.parse(options["params"] or {}, arguments, sweeper.hydra_context.config_loader)
    job = tuple(space.overrides(space.example()))
    config = composed_jobs(sweeper, [job])[0][job]
    refuse_shared({"one": config, "another": config.copy()})
    check_values(sweeper.config.hydra.job.config_name, config)
    metrics = optimized_names(config)
    _check(options, metrics)
    folder.mkdir(parents=True, exist_ok=True)
    options["storage"] = options["storage"] or f"sqlite:///{folder / 'study.db'}"
    process = f"process-{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
    with output_lock(folder / process, KEY, single=True):
        return _Search(sweeper, options, folder, space, metrics, process).run()


class _Search:
    def __init__(
        self, sweeper: Any, options: dict[str, Any], folder: Path, space: SearchSpace, metrics: list[str], process: str
    ) -> None:
        self.sweeper, self.options, self.folder = sweeper, options, folder
        self.space, self.metrics, self.process = space, metrics, process
        self.distributions = space.distributions()
        with self._lock():
            self.study = open_study(options)
            self._check_same()
            OmegaConf.save(sweeper.config, folder / "multirun.yaml")

    def run(self) -> list[Sequence[JobReturn]]:
        returns: list[Sequence[JobReturn]] = []
        own: set[int] = set()
        try:
            while batch := self._next():
                own |= {trial.number for trial in batch}
                returns.append(self._launch(batch))
        finally:
            rows = self._rows()
            text = write_table(self.folder, rows, self.metrics)
        sys.stdout.write(text + self._summary(rows))
        fail_if_any(self.folder, [row for row in rows if row.status != "failed" or row.number in own])
        return returns

    def _lock(self) -> Any:
        return output_lock(self.folder / "study", KEY, single=True, wait=True)

    def _check_same(self) -> None:
        """Rejects a study that was begun with other settings, because its values are not comparable."""
        now = {**self.space.described(), "metrics": self.metrics, "direction": directions(self.options)}
        before = self.study.user_attrs.get("settings")
        if before is None:
            self.study.set_user_attr("settings", now)
            return
        for key, value in now.items():
            if before.get(key) != value:
                raise ConfigError(
                    f"{self.folder} holds a search with {key} {before.get(key)}, not {value}: give the old settings, "
                    f"or another {KEY}=..."
                )

    def _next(self) -> list[Any]:
        """Creates the next trials in the study. Settings of interrupted trials come first."""
        with self._lock():
            trials = self.study.get_trials(deepcopy=False)
            for trial in trials:
                if trial.state.name == "RUNNING" and not self._lives(trial):
                    self._take_up(trial)
            made: list[Any] = []
            while len(made) < self.options["n_jobs"] and (trial := self._ask()) is not None:
                made.append(trial)
            return made

    def _lives(self, trial: Any) -> bool:
        """Whether the process of a running trial still holds its lock file."""
        process = trial.user_attrs.get("process", "")
        if process in ("", self.process):  # killed while it held the study's lock; or an earlier search of this process
            return False
        try:
            with output_lock(self.folder / process, KEY, single=True):
                return False
        except ConfigError:
            return True

    def _take_up(self, trial: Any) -> None:
        """Marks an interrupted trial as failed, and enqueues its settings again at most ``retries`` times."""
        states = optuna().trial.TrialState
        if PRUNED_AT in trial.user_attrs:
            self.study.tell(trial.number, state=states.PRUNED)
            return
        attempt = trial.user_attrs.get("attempt", 0)
        again = attempt < self.options["retries"]
        often = "" if again else f" {attempt + 1} times: hparams_search.retries={self.options['retries']}"
        log.warning("trial %d was interrupted%s", trial.number, often)
        self._note(trial, again=again, cause=f"interrupted{often}")
        self.study.tell(trial.number, state=states.FAIL)
        if again:
            self.study.enqueue_trial(trial.params, user_attrs={"attempt": attempt + 1})

    def _ask(self) -> Any:
        """Asks Optuna for the next trial; None if all trials have been started."""
        trials = self.study.get_trials(deepcopy=False)
        counted = [t for t in trials if not t.user_attrs.get("again")]
        begun = sum(t.state.name != "WAITING" for t in counted)
        if begun >= self.options["n_trials"]:
            return None
        if self.options["sampler"] == "grid" and begun == len(counted):
            tried = [self.space.varied(t.params) for t in counted]
            free = next((p for p in self.space.grid() if self.space.varied(p) not in tried), None)
            if free is None:
                return None
            self.study.enqueue_trial(free)
        self.study.sampler = make_sampler(self.options, len(trials))
        trial = self.study.ask(self.distributions)
        self._note(trial, process=self.process, overrides=self.space.overrides(trial.params))
        return trial

    def _planned(self) -> int:
        """Number of trials of the whole search."""
        most = int(self.options["n_trials"])
        if self.options["sampler"] != "grid":
            return most
        settings = sum(1 for _ in self.space.grid())
        if settings > most:
            log.warning(
                "the grid has %d settings, but hparams_search.n_trials=%d: the last settings are not tried",
                settings,
                most,
            )
        return min(most, settings)

    def _note(self, trial: Any, **values: Any) -> None:
        for key, value in values.items():
            self.study._storage.set_trial_user_attr(trial._trial_id, key, value)

    def _launch(self, batch: Sequence[Any]) -> Sequence[JobReturn]:
        """Runs trials and reports their results to the study."""
        study = [f"hparams_search.{name}={quoted(str(self.options[name]))}" for name in ("storage", "study_name")]
        jobs = {}
        for trial in batch:
            own = (*self.space.overrides(trial.params), *study, f"hparams_search.trial={trial.number}")
            jobs[own] = trial
        ended = self.sweeper.launcher.launch([list(job) for job in jobs], initial_job_idx=batch[0].number)
        for trial, one in zip(jobs.values(), ended, strict=True):
            self._tell(trial, one)
        return list(ended)

    def _tell(self, trial: Any, one: JobReturn) -> None:
        states = optuna().trial.TrialState
        self._note(trial, run_dir=run_folder(one))
        error = one._return_value if one.status != JobStatus.COMPLETED else None
        if one.status == JobStatus.COMPLETED and one.return_value is None:
            error = MetricError(
                "the trial returned no metric, because --plan does not train: remove --plan or hparams_search"
            )
        if isinstance(error, MetricError):
            self._note(trial, again=True, cause=cause_line(error))
            self.study.tell(trial, state=states.FAIL)
            raise error
        if error is not None:
            self._note(trial, cause=cause_line(error))
            self.study.tell(trial, state=states.FAIL)
            return
        frozen = self.study._storage.get_trial(trial._trial_id)
        metrics = job_metrics(one)
        self._note(trial, metrics=metrics)
        if PRUNED_AT in frozen.user_attrs:
            self.study.tell(trial, state=states.PRUNED)
        else:
            self.study.tell(trial, [metrics[name] for name in self.metrics])

    def _rows(self) -> list[SweepRow]:
        varied = list(self.space.searched)
        return [self._row(t, varied) for t in self.study.get_trials(deepcopy=False) if t.state.name != "WAITING"]

    def _row(self, trial: Any, varied: Sequence[str]) -> SweepRow:
        attrs: Mapping[str, Any] = trial.user_attrs
        reported = {self.metrics[0]: trial.intermediate_values[trial.last_step]} if trial.intermediate_values else {}
        overrides = attrs.get("overrides") or self.space.overrides(trial.params)
        return SweepRow(
            trial.number,
            STATUS[trial.state.name],
            overrides,
            varied,
            attrs.get("run_dir") or str(self.folder / str(trial.number)),
            reported | attrs.get("metrics", {}),
            attrs.get("cause", ""),
            bool(attrs.get("again")),
        )

    def _summary(self, rows: Sequence[SweepRow]) -> str:
        counted = [row for row in rows if not row.repeated]
        kinds = {kind: sum(row.status == kind for row in counted) for kind in STATUS.values()}
        parts = [f"{number} {kind}" for kind, number in kinds.items() if number]
        if repeated := len(rows) - len(counted):
            parts.append(f"and {repeated} interrupted, whose settings were tried again")
        text = f"{len(counted)} of {self._planned()} trials: {', '.join(parts)}\n"
        best = {trial.number for trial in self.study.best_trials}
        for row in rows:
            if row.number in best:
                text += f"best: trial {row.number}; train with its settings: unif2ace-train like={row.folder}\n"
        return text


def _check(options: Mapping[str, Any], metrics: Sequence[str]) -> None:
    found = directions(options)
    if not metrics:
        raise ConfigError("hparams_search needs a metric to optimize: give optimized_metric=..., such as val/loss")
    if len(found) != len(metrics):
        raise ConfigError(
            f"hparams_search.direction={options['direction']} and optimized_metric={list(metrics)}: give one direction "
            "for each metric, such as hparams_search.direction=[minimize,maximize]"
        )
    if len(metrics) > 1 and options["pruner"] != "none":
        raise ConfigError(
            f"hparams_search.pruner={options['pruner']}: pruning works with one metric only; give "
            "hparams_search.pruner=none"
        )


def _refuse_ranks() -> None:
    """Rejects a search on a rank other than 0, that is, a search under torchrun or srun."""
    if any(os.environ.get(name, "0") != "0" for name in RANKS):
        raise ConfigError(
            "hparams_search must run in one process, which itself starts the processes of each trial: start it without "
            "torchrun and srun; to run each trial as a Slurm job, give hydra/launcher=submitit_slurm"
        )
