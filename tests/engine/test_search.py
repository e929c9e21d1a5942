"""A search runs each trial once: after a kill, beside a second process, and if trials fail or are pruned."""

from __future__ import annotations

import csv
import os
import signal
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import DictConfig, OmegaConf

from unif2ace.commands.train import train
from unif2ace.engine import search as engine
from unif2ace.engine import study
from unif2ace.engine.command import Command, run
from unif2ace.engine.like import like_run
from unif2ace.engine.objective import objective
from unif2ace.engine.search_space import SearchSpace
from unif2ace.engine.study import PRUNED_AT, database
from unif2ace.engine.words import Syntax
from unif2ace.errors import ConfigError, Unif2aceError

optuna = pytest.importorskip("optuna", reason="needs optuna, which the test group has: make test")

LR = "optimizer.lr=tag(log,interval(1e-4,1e-2))"
GRID = ["optimizer.lr=1e-3", "hparams_search.sampler=grid"]
SMALL = [
    "module=tokenizer", "net=patch", "net.channels=[16]", "net.encoder_blocks=[0]", "net.decoder_blocks=[0]",
    "quantizer.num_codes=16", "loss=[reconstruction]", "metric=[psnr]", "lr_scheduler=none", "logger=none",
    "dataset.synthetic.num_samples=60", "dataset.synthetic.size=32", "dataset.synthetic.workers=1",
    "task.image.batch_size=4", "trainer.max_steps=4", "data.steps_per_epoch=2", "data.max_eval_samples=2",
    "callbacks=none", "trainer.accelerator=cpu",
]  # fmt: skip
Search = Callable[..., list[DictConfig]]


class FakeSweeper:
    """Composes jobs from their overrides alone and runs them in this process, which takes milliseconds."""

    def __init__(self, words: Sequence[str], work: Callable[[DictConfig], Any]) -> None:
        folder = Path(__file__).parents[2] / "configs"
        files = [OmegaConf.load(folder / f"{name}.yaml") for name in ("train", "base/run", "hparams_search/optuna")]
        own = {"name": "faces", "hydra": {"job": {"config_name": "train"}, "sweep": {"dir": "found"}}}
        base = OmegaConf.merge(*files, own)
        self.config = self._made(base, [w for w in words if w.startswith(("hparams_search.", "hydra."))])
        self.work, self.jobs = work, list[DictConfig]()
        self.launcher = self
        self.hydra_context = SimpleNamespace(config_loader=SimpleNamespace(load_sweep_config=self._made))

    def _made(self, base: Any, overrides: Sequence[str]) -> DictConfig:
        config = base.copy()
        for key, _, value in (override.partition("=") for override in overrides):
            OmegaConf.update(config, key, yaml.safe_load(value))
        return config

    def launch(self, jobs: Sequence[Sequence[str]], initial_job_idx: int) -> list[JobReturn]:
        done = []
        for number, job in enumerate(jobs, start=initial_job_idx):
            one = JobReturn(cfg=self._made(self.config, job))
            assert one.cfg is not None
            assert one.cfg.hparams_search.trial == number
            self.jobs.append(one.cfg)
            try:
                one.return_value, one.status = self.work(one.cfg), JobStatus.COMPLETED
            except Exception as error:
                one.return_value, one.status = error, JobStatus.FAILED
            done.append(one)
        return done


@pytest.fixture
def search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Search:
    """Runs a search with a function of a job as its work; returns its jobs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(engine, "refuse_shared", lambda jobs: None)
    monkeypatch.setattr(study, "database", _storage)

    def started(
        *words: str, work: Callable[[DictConfig], Any] = lambda job: float(job.optimizer.lr)
    ) -> list[DictConfig]:
        sweeper = FakeSweeper(words, work)
        engine.search(sweeper, words)
        return sweeper.jobs

    return started


def _refused(_: DictConfig) -> None:
    pytest.fail("it runs")


def _study(folder: str = "found") -> Any:
    return optuna.load_study(study_name=None, storage=_storage(f"sqlite:///{Path(folder, 'study.db').absolute()}"))


@cache
def _storage(url: str) -> Any:
    """The database, opened once in each process, because that takes a third of a second."""
    return database(url)


def _states() -> list[str]:
    return [trial.state.name for trial in _study().trials]


def _table() -> list[dict[str, str]]:
    with Path("found", "sweep.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def _dies(config: DictConfig) -> float:
    if config.hparams_search.trial == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return float(config.optimizer.lr)


def _in_a_process(work: Callable[[], Any]) -> int:
    """Runs a function in a forked process; returns what ended it, as a negative signal or a status."""
    child = os.fork()
    if not child:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_killed_search_is_continued_by_the_same_command(search: Search, capsys: pytest.CaptureFixture[str]):
    words = (LR, "lr_scheduler=cosine,none", "hparams_search.n_trials=4")
    assert _in_a_process(lambda: search(*words, work=_dies)) == -signal.SIGKILL
    assert _states() == ["COMPLETE", "COMPLETE", "RUNNING"]
    killed = _study().trials[2].params
    assert [job.hparams_search.trial for job in search(*words)] == [3, 4]
    assert _states() == ["COMPLETE", "COMPLETE", "FAIL", "COMPLETE", "COMPLETE"]
    assert _study().trials[3].params == killed
    rows = _table()
    assert [row["status"] for row in rows] == ["done", "done", "failed", "done", "done"]
    assert rows[2]["cause"] == "interrupted"
    assert float(rows[3]["val/loss"]) == killed["optimizer.lr"] == float(rows[3]["optimizer.lr"])
    assert "4 of 4 trials: 4 done, and 1 interrupted, whose settings were tried again" in capsys.readouterr().out
    assert search(*words) == [], "a finished search has nothing left to do"
    assert not list(Path("found").glob(".process*")), "lock files of killed processes are removed"


def test_a_continued_search_proposes_what_an_uninterrupted_one_would(search: Search):
    words = (LR, "hparams_search.sampler=random")
    search(*words, "hparams_search.n_trials=1")
    search(*words, "hparams_search.n_trials=2")
    rates = [trial.params["optimizer.lr"] for trial in _study().trials]
    search(*words, "hparams_search.n_trials=2", "hydra.sweep.dir=whole")
    assert len({*rates}) == 2
    assert [trial.params["optimizer.lr"] for trial in _study("whole").trials] == rates


def test_a_trial_that_is_killed_when_it_is_pruned_is_pruned(search: Search):
    def dies(config: DictConfig) -> None:
        _study()._storage.set_trial_user_attr(_study().trials[0]._trial_id, PRUNED_AT, 3)
        os.kill(os.getpid(), signal.SIGKILL)

    assert _in_a_process(lambda: search(LR, "hparams_search.n_trials=2", work=dies)) == -signal.SIGKILL
    search(LR, "hparams_search.n_trials=2")
    assert _states() == ["PRUNED", "COMPLETE"]


def test_settings_that_end_the_process_are_not_tried_forever(search: Search, capsys: pytest.CaptureFixture[str]):
    words = (LR, "hparams_search.n_trials=2", "hparams_search.retries=1")
    for _ in range(2):
        assert _in_a_process(lambda: search(*words, work=lambda _: os.kill(os.getpid(), 9))) == -signal.SIGKILL
    assert len(search(*words)) == 1
    assert "2 of 2 trials: 1 done, 1 failed, and 1 interrupted" in capsys.readouterr().out
    assert "interrupted 2 times" in _table()[1]["cause"]


def test_two_processes_share_the_trials(search: Search):
    def work(config: DictConfig) -> float:
        return float(config.seed)

    child = os.fork()
    if not child:
        try:
            search("seed=range(0,4)", *GRID, work=work)
        finally:
            os._exit(0)
    search("seed=range(0,4)", *GRID, work=work)
    os.waitpid(child, 0)
    assert sorted(trial.params["seed"] for trial in _study().trials) == list(range(4))
    assert _states() == ["COMPLETE"] * 4


def test_trials_of_several_names_are_of_one_study(search: Search):
    jobs = search("name=a,b", *GRID)
    assert [(job.name, job.hparams_search.study_name) for job in jobs] == [("a", "faces"), ("b", "faces")]


def test_trials_that_are_started_together_keep_their_numbers(search: Search):
    assert len(search(LR, "hparams_search.n_trials=3", "hparams_search.n_jobs=2")) == 3


def test_failed_and_pruned_trials_are_in_the_table(search: Search, capsys: pytest.CaptureFixture[str]):
    def work(config: DictConfig) -> float:
        number = config.hparams_search.trial
        if number == 1:
            raise ValueError("unforeseen")
        if number == 2:
            _study()._storage.set_trial_user_attr(_study().trials[number]._trial_id, PRUNED_AT, 3)
        return 1.0 + number

    with pytest.raises(Unif2aceError, match="1 of 4 jobs failed"):
        search("seed=0,1,2,3", *GRID, work=work)
    assert [(row["trial"], row["seed"], row["status"]) for row in _table()] == [
        ("0", "0", "done"), ("1", "1", "failed"), ("2", "2", "pruned"), ("3", "3", "done"),
    ]  # fmt: skip
    told = capsys.readouterr().out
    assert "4 of 4 trials: 2 done, 1 pruned, 1 failed\nbest: trial 0; train with its settings: unif2ace-train" in told
    assert Path("found", "failed_jobs.txt").read_text() == "1 seed=1: ValueError: unforeseen\n"
    assert _states() == ["COMPLETE", "FAIL", "PRUNED", "COMPLETE"]


def test_several_metrics_have_a_front(search: Search, capsys: pytest.CaptureFixture[str]):
    words = ("optimized_metric=[a,b]", "hparams_search.direction=[minimize,maximize]", "hparams_search.pruner=none")
    search("seed=0,1,2", *GRID, *words, work=lambda job: [float(job.seed), (0.0, 2.0, 1.0)[job.seed]])
    assert capsys.readouterr().out.count("best: trial") == 2
    assert [(row["a"], row["b"]) for row in _table()] == [("0.0", "0.0"), ("1.0", "2.0"), ("2.0", "1.0")]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["optimizer.lr=1e-3"], "hparams_search has no values to search"),
        (["optimized_metric=null"], "give optimized_metric=..."),
        (["hparams_search.direction=[minimize,maximize]"], "give one direction for each metric"),
        (["hparams_search.direction=down", "monitor_mode=min"], "must be minimize or maximize"),
        (["optimized_metric=[a,b]", "hparams_search.direction=[minimize,minimize]"], "hparams_search.pruner=none"),
        (["hparams_search.sampler=tep"], "did you mean 'tpe'?"),
        (["hparams_search.sampler=grid"], "hparams_search.sampler=grid takes no interval"),
        (["hparams_search.pruner_options={n_start: 3}"], "hparams_search.pruner_options={'n_start': 3} does not fit"),
        (["hparams_search.storage=nothing://x"], "hparams_search.storage=nothing://x cannot be used"),
        (["optimizer.lr=tag(logg,interval(1e-4,1e-2))"], "only the tag log of an interval"),
        (["optimizer.lr=tag(log,interval(0,1))"], "optimizer.lr=tag(log,interval(0,1)): "),
    ],
)
def test_a_search_that_cannot_work_is_refused(words: list[str], message: str, search: Search):
    with pytest.raises(ConfigError) as caught:
        search(*words, work=_refused)
    assert message in str(caught.value)


def test_a_search_is_not_continued_with_other_settings(search: Search):
    search(LR, "hparams_search.n_trials=1")
    for other in ([LR, "seed=3"], ["optimizer.lr=interval(1,2)"], [LR, "optimized_metric=val/psnr"]):
        with pytest.raises(ConfigError, match=r"give the old settings, or another hydra\.sweep\.dir=\.\.\."):
            search(*other, work=_refused)
    assert len(search(LR, "hparams_search.n_trials=2", "hparams_search.sampler=random")) == 1


def test_a_metric_that_no_trial_logs_ends_the_search(search: Search):
    with pytest.raises(ConfigError, match="did you mean 'val/loss'"):
        search(LR, "optimized_metric=val/los", work=lambda config: objective(config, {"val/loss": 1.0}))
    assert _states() == ["FAIL"]
    assert _table()[0]["cause"].startswith("optimized_metric=val/los: the run does not log this metric")


def test_a_job_without_a_result_ends_the_search(search: Search):
    with pytest.raises(ConfigError, match="because --plan does not train"):
        search(LR, work=lambda _: None)


def test_without_the_package_the_error_says_what_to_install(search: Search, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ConfigError, match=r"pip install 'unif2ace\[sweep\]'"):
        search(LR, work=_refused)


def test_one_of_several_processes_does_not_search(search: Search, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("RANK", "1")
    with pytest.raises(ConfigError, match="start it without torchrun"):
        search(LR, work=_refused)
    assert not Path("found").exists()


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("a=interval(1,8)", {"low": 1.0, "high": 8.0, "log": False, "step": None}),
        ("a=int(interval(1,8))", {"low": 1, "high": 8, "log": False, "step": 1}),
        ("a=tag(log,int(interval(1,8)))", {"low": 1, "high": 8, "log": True, "step": 1}),
        ("a=range(0,10,3)", {"low": 0, "high": 9, "log": False, "step": 3}),
        ("a=range(1,0,-0.25)", {"low": 0.25, "high": 1.0, "log": False, "step": 0.25}),
        ("a=null,[b,c],2", {"choices": ("null", "[b,c]", "2")}),
        ("a=choice(x,y)", {"choices": ("x", "y")}),
    ],
)
def test_the_space_is_written_as_in_a_sweep(typed: str, expected: dict[str, Any]):
    space = SearchSpace.parse({"a": 3, "b": "d"}, [typed], None)
    found = space.distributions()["a"]
    assert {name: getattr(found, name) for name in expected} == expected
    assert space.fixed == ("b=d",)
    assert space.overrides({"a": 1e-05}) == ["b=d", "a=1e-05"]
    with pytest.raises(ConfigError, match="must be a text, such as choice"):
        SearchSpace.parse({"a": [1]}, [], None)


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Runs ``unif2ace-train WORDS``."""
    monkeypatch.setenv("UNIF2ACE_ROOT", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    def started(*words: str) -> None:
        monkeypatch.setattr(sys, "argv", ["unif2ace-train", *words])
        run(Command(train, Syntax("unif2ace-train", "train")))

    return started


def test_trials_train_and_are_pruned(command: Callable[..., None], capsys: pytest.CaptureFixture[str]):
    words = ["optimizer.lr=1e-2,0.0", "hparams_search.sampler=grid"]
    words += ["hparams_search.pruner_options={n_startup_trials: 1}", "hydra.sweep.dir=found", *SMALL]
    command("-m", "hparams_search=optuna", *words)
    rows = _table()
    assert [row["status"] for row in rows] == ["done", "pruned"]
    assert [Path(row["run_dir"], "weights.safetensors").is_file() for row in rows] == [True, False]
    assert float(rows[0]["val/psnr"]) > 0
    done, pruned = _study().trials
    assert list(done.intermediate_values) == [2, 4]
    assert list(pruned.intermediate_values) == [2]
    assert f"unif2ace-train like={Path('found', '0').absolute()}" in capsys.readouterr().out
    again = [word for word in like_run(["like=found/0"]) if "hparams_search" in word]
    assert not again, "a run with the settings of a trial is not a trial"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-m", "optimizer.lrr=1,2"], "there is no key 'optimizer.lrr' (did you mean 'lr'?"),
        (["-m", "run_dir=logs/one"], "would both write to run_dir=logs/one"),
        ([], "hparams_search needs a sweep: run unif2ace-train -m"),
    ],
)
def test_a_search_is_checked_before_its_first_trial(
    words: list[str], message: str, command: Callable[..., None], capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit):
        command("hparams_search=optuna", *words)
    assert message in capsys.readouterr().err
    assert not list(Path.cwd().rglob("study.db"))
