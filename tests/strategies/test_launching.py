"""One job, one run: in sweeps, under torchrun, and in the words that start another process."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import lightning.pytorch as pl
import pytest
from hydra import compose, initialize_config_module
from hydra.core.hydra_config import HydraConfig
from lightning.fabric.plugins.environments import LightningEnvironment, SLURMEnvironment
from lightning.pytorch.trainer.connectors import accelerator_connector

from unif2ace.engine import compose as composed
from unif2ace.engine.instantiate import instantiate
from unif2ace.engine.weights import read_header
from unif2ace.errors import ConfigError
from unif2ace.strategies.auto import auto_strategy
from unif2ace.strategies.ddp import DDPStrategy
from unif2ace.strategies.launching import command, use_job_launcher

SMALL = [
    "module=tokenizer", "net=patch", "net.channels=[16]", "net.encoder_blocks=[0]", "net.decoder_blocks=[0]",
    "quantizer.num_codes=16", "loss=[reconstruction]", "metric=[psnr]", "lr_scheduler=none", "logger=none",
    "dataset.synthetic.num_samples=60", "dataset.synthetic.size=32", "dataset.synthetic.workers=1",
    "task.image.batch_size=4", "trainer.max_steps=2", "trainer.limit_val_batches=0", "callbacks=none",
    "trainer.accelerator=cpu", "trainer.devices=2",
]  # fmt: skip


def run(root: Path, *words: str, program: tuple[str, ...] = ("-m", "unif2ace.commands.train")) -> str:
    environment = {k: v for k, v in os.environ.items() if k not in ("LOCAL_RANK", "PL_GLOBAL_SEED")}
    environment |= {"UNIF2ACE_ROOT": str(root), "OMP_NUM_THREADS": "1"}
    flags = [word for word in words if word.startswith("-")]
    with subprocess.Popen(
        [sys.executable, *program, *flags, *SMALL, *(word for word in words if word not in flags)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, start_new_session=True,
    ) as process:  # fmt: skip
        try:
            told, _ = process.communicate(timeout=280)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0, told[-6000:]
    return told


def test_several_processes_from_a_notebook_are_an_error_with_a_remedy(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(accelerator_connector, "_IS_INTERACTIVE", True)
    with pytest.raises(ConfigError, match=r"in a terminal, or set trainer\.devices=1 strategy=auto"):
        pl.Trainer(accelerator="cpu", devices=2, strategy=DDPStrategy(), logger=False)
    assert composed("train", ["trainer.devices=1", "strategy=auto"])


@pytest.mark.slow
def test_a_sweep_with_two_processes_is_as_many_runs_as_jobs(tmp_path: Path):
    run(tmp_path, "-m", "seed=1,2", "strategy=ddp", "name=swept")
    (sweep,) = (tmp_path / "logs" / "swept").iterdir()
    jobs = sorted(p for p in sweep.iterdir() if p.is_dir())
    assert [job.name for job in jobs] == ["0", "1"]
    for seed, job in enumerate(jobs, start=1):
        assert read_header(job)["seed"] == seed
        assert (job / "train.log").is_file()
        assert (job / "train_rank_1.log").is_file()


@pytest.mark.slow
def test_trials_of_two_processes_are_pruned_together(tmp_path: Path):
    pytest.importorskip("optuna", reason="needs optuna, which the test group has: make test")
    search = ["hparams_search=optuna", "hparams_search.sampler=grid", "optimizer.lr=1e-2,0.0"]
    search.append("hparams_search.pruner_options={n_startup_trials: 1}")
    longer = ["trainer.max_steps=6", "data.steps_per_epoch=3", "trainer.limit_val_batches=1"]
    run(tmp_path, "-m", *search, *longer, "strategy=ddp", "name=found")
    folder = tmp_path / "logs" / "found" / "search"
    with (folder / "sweep.csv").open(newline="") as file:
        assert [row["status"] for row in csv.DictReader(file)] == ["done", "pruned"]
    assert all((folder / trial / "train_rank_1.log").is_file() for trial in "01")
    assert read_header(folder / "0")["steps"] == 6


@pytest.mark.slow
def test_torchrun_starts_the_processes(tmp_path: Path):
    torchrun = ("-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone", "-m", "unif2ace.commands.train")
    told = run(tmp_path, "strategy=fsdp", f"hydra.run.dir={tmp_path / 'here'}", program=torchrun)
    assert told.count("All distributed processes registered. Starting with 2 processes") == 1
    assert read_header(tmp_path / "here")["steps"] == 2
    assert not (tmp_path / "logs").exists()


@pytest.mark.slow
def test_a_process_ends_in_order_though_a_thread_still_holds_what_it_sent():
    script = Path(__file__).with_name("leaving_run.py")
    told = subprocess.run([sys.executable, str(script), "8"], capture_output=True, text=True, timeout=280, check=True)
    assert told.stdout.strip() == "{0: 8}", told.stderr[-2000:]


@pytest.mark.parametrize(
    ("restarts", "shared", "refused"), [("3", "True", True), ("0", "True", False), ("3", "False", False)]
)
def test_a_torchrun_whose_restarts_would_hang_is_refused(
    monkeypatch: pytest.MonkeyPatch, restarts: str, shared: str, refused: bool
):
    monkeypatch.setenv("TORCHELASTIC_MAX_RESTARTS", restarts)
    monkeypatch.setenv("TORCHELASTIC_USE_AGENT_STORE", shared)
    strategy = DDPStrategy()
    strategy.cluster_environment = LightningEnvironment()
    if refused:
        with pytest.raises(ConfigError, match=r"max-restarts=3.*TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1"):
            use_job_launcher(strategy)
    else:
        use_job_launcher(strategy)


@pytest.mark.slow
def test_torchrun_starts_processes_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TORCH_DISABLE_SHARE_RDZV_TCP_STORE", "1")
    torchrun = (
        "-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone", "--max-restarts=2",
        "-m", "unif2ace.commands.train",
    )  # fmt: skip
    here = tmp_path / "here"
    words = ["strategy=ddp", f"hydra.run.dir={here}", f"run_dir={here}", "resume=auto", "callbacks=[]"]
    words += ["run_callbacks.checkpoint.every_n_train_steps=1", "engine.allow=[victim.]"]
    words += ["+callbacks.victim._target_=victim.Victim"]
    (tmp_path / "victim.py").write_text(VICTIM)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    told = run(tmp_path, *words, program=torchrun)
    assert told.count("All distributed processes registered. Starting with 2 processes") == 2
    assert "continuing from" in told
    assert read_header(here)["steps"] == 2


VICTIM = """
import os, signal
import lightning.pytorch as pl

class Victim(pl.Callback):
    def on_train_batch_end(self, trainer, *_):
        first = os.environ["TORCHELASTIC_RESTART_COUNT"] == "0"
        if first and trainer.global_step == 2 and trainer.global_rank == 1:
            os.kill(os.getpid(), signal.SIGKILL)
"""
"""Kills the second process once, when step 1 is saved and step 2 is not."""


def test_another_process_gets_the_job_and_its_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    words = ["seed=2", "name='a, b'", "hydra.mode=MULTIRUN", "hydra.sweep.dir=elsewhere"]
    with initialize_config_module("unif2ace_configs", version_base="1.3"):
        config = compose("train", words, return_hydra_config=True)
        config.hydra.runtime.output_dir = f"{tmp_path}/it's, =1"
        config.hydra.job.num = 1
        monkeypatch.setattr(HydraConfig, "instance", lambda *_: _holding(config))
        words = command(1)
        again = compose("train", [w for w in words[3:] if not w.startswith("-")], return_hydra_config=True)
    assert words[1:3] == ["-m", "unif2ace.commands.train"]
    assert (again.seed, again.name) == (2, "a, b")
    assert again.hydra.run.dir == f"{tmp_path}/it's, =1"
    assert str(again.hydra.mode).endswith("RUN")
    assert again.hydra.output_subdir is None


def _holding(config) -> HydraConfig:
    made = object.__new__(HydraConfig)
    made.cfg = config
    return made


def test_auto_is_one_process_or_ddp():
    assert auto_strategy(1) == "auto"
    assert isinstance(auto_strategy(2), DDPStrategy)
    for words, kind in (([], str), (["trainer.devices=2"], DDPStrategy), (["trainer.num_nodes=2"], DDPStrategy)):
        assert isinstance(instantiate(composed("train", words).strategy), kind), words


STARTED = ("TORCHELASTIC_RUN_ID", "WORLD_SIZE", "SLURM_PROCID", "SLURM_NTASKS", "SLURM_STEP_NUM_TASKS")


@pytest.mark.parametrize(
    ("environment", "starter"),
    [
        ({"TORCHELASTIC_RUN_ID": "x", "WORLD_SIZE": "4"}, "torchrun"),
        ({"SLURM_PROCID": "1", "SLURM_STEP_NUM_TASKS": "4"}, "srun"),
        ({"TORCHELASTIC_RUN_ID": "x", "WORLD_SIZE": "1"}, None),
        ({"SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "1"}, None),
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "4"}, None),  # a batch script's own shell
        ({"SLURM_NTASKS": "4"}, None),  # an interactive allocation
        ({"WORLD_SIZE": "4"}, None),  # of our own launcher, or of somebody's shell
    ],
)
def test_several_processes_of_a_run_of_one_are_told(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], starter: str | None
):
    for name in STARTED:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert isinstance(auto_strategy(4), DDPStrategy)
    if starter is None:
        assert auto_strategy(1) == "auto"
    else:
        with pytest.raises(ConfigError, match=f"{starter} started 4 processes.*set trainer.devices"):
            auto_strategy(1)


def test_slurm_leaves_signals_to_the_callback(monkeypatch: pytest.MonkeyPatch):
    plugins = composed("train", ["launcher=slurm"]).trainer.plugins
    assert [instantiate(p).auto_requeue for p in plugins] == [False]
    strategy = DDPStrategy()
    strategy.cluster_environment = SLURMEnvironment()
    use_job_launcher(strategy)
    assert strategy.cluster_environment.auto_requeue is False
    assert strategy.launcher is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["strategy=deepspeed"], "strategy=deepspeed cannot run here"),
        (["strategy=fsdp", "strategy.param_dtype=bf17"], "strategy.param_dtype='bf17'"),
    ],
)
def test_what_cannot_be_is_told(words: list[str], message: str):
    with pytest.raises(ConfigError, match=message):
        instantiate(composed("train", words).strategy)
