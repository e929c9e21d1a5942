"""Launches the other processes of a run on this machine, also in a Hydra multirun.

Lightning's launcher starts the other processes with the command line of the first process. With ``--multirun`` each of
them would start the whole sweep again. Environment variables of the first job would also make the second job wait for
processes that do not exist. `JobLauncher` starts the current job of the sweep only, in the output folder of the first
process. Each run is cleaned up before the next run.
"""

from __future__ import annotations

import atexit
import importlib.util
import os
import subprocess
import sys
import time
from typing import Any

import torch.distributed as dist
from hydra.core.hydra_config import HydraConfig
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.pytorch.strategies.launchers.subprocess_script import _SubprocessScriptLauncher as SubprocessLauncher
from lightning.pytorch.strategies.parallel import ParallelStrategy

from unif2ace.errors import ConfigError

PATIENCE = 60.0
"""Seconds to wait for the processes of a finished run to exit, before they are killed."""
SETTLING = 0.25
"""Seconds to wait until communication threads have released their last tensors."""
UNSET = ("HYDRA_FULL_ERROR", "PL_GLOBAL_SEED")
"""Environment variables that each command sets itself. Launched processes do not inherit them."""


class JobLauncher(SubprocessLauncher):
    """Launches the other processes of one run on this machine."""

    _newest: JobLauncher | None = None
    """Launcher of the most recent run of this process that launched other processes."""

    @property
    def is_interactive_compatible(self) -> bool:
        """Always raises an error, because a notebook has no command line for the other processes to run.

        Lightning reads this property in notebooks only. Its own message names a strategy that this project lacks.

        Raises:
            ConfigError: Always.
        """
        raise ConfigError(
            "training with several processes cannot be started in a notebook: use `unif2ace-train ...` in a terminal, "
            "or set trainer.devices=1 strategy=auto"
        )

    def _call_children_scripts(self) -> None:
        self._check_can_spawn_children()
        cluster = self.cluster_environment
        place = {
            "MASTER_ADDR": cluster.main_address,
            "MASTER_PORT": str(cluster.main_port),
            "NODE_RANK": str(cluster.node_rank()),
            "LOCAL_RANK": str(cluster.local_rank()),
            "WORLD_SIZE": str(self.num_processes * self.num_nodes),
        }
        self._before = {name: os.environ.get(name) for name in place}
        os.environ.update(place)  # Lightning and torch read it
        inherited = {name: value for name, value in os.environ.items() if name not in UNSET}
        JobLauncher._newest = self
        self.procs = [
            subprocess.Popen(command(rank), env=inherited | {"LOCAL_RANK": str(rank)})
            for rank in range(1, self.num_processes)
        ]

    def _end(self) -> None:
        leave_group()
        for process in self.procs:
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def leave_group() -> None:
    """Destroys the process group. Otherwise its communication threads could abort the process at interpreter exit."""
    if dist.is_available() and dist.is_initialized():
        # Caches of a device mesh keep its threads alive. A thread that frees a tensor after interpreter exit aborts the
        # process, and no call waits for it (github.com/pytorch/pytorch/pull/179291; torch 2.14).
        time.sleep(SETTLING)
        dist.destroy_process_group()


def end_former_run() -> None:
    """Cleans up an earlier run in this process: its other processes, process group and environment variables."""
    if JobLauncher._newest is not None:
        JobLauncher._newest._end()
        JobLauncher._newest = None


def use_job_launcher(strategy: ParallelStrategy) -> None:
    """Sets `JobLauncher` as the launcher of a strategy, unless torchrun or a scheduler starts the processes.

    Also disables Lightning's handler of Slurm signals, which would save in the middle of a step. The preemption
    callback handles these signals instead.
    """
    environment: Any = strategy.cluster_environment
    assert environment is not None
    _refuse_shared_store()
    atexit.unregister(leave_group)
    atexit.register(leave_group)
    if isinstance(environment, SLURMEnvironment):
        environment.auto_requeue = False
    if not environment.creates_processes_externally:
        here = len(strategy.parallel_devices or [None])
        strategy._launcher = JobLauncher(environment, here, getattr(strategy, "num_nodes", 1))


def _refuse_shared_store() -> None:
    """Rejects torchrun's shared store together with restarts.

    Restarted processes would find the addresses of dead processes in the shared store, fail, and finally wait forever
    (github.com/pytorch/pytorch/issues/135712; torch 2.14).

    Raises:
        ConfigError: If torchrun may restart processes and shares its store.
    """
    may_restart = os.environ.get("TORCHELASTIC_MAX_RESTARTS", "0") != "0"
    if may_restart and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True":
        raise ConfigError(
            f"torchrun --max-restarts={os.environ['TORCHELASTIC_MAX_RESTARTS']}: restarted processes would wait "
            "forever for dead processes; set the environment variable TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 before "
            "torchrun"
        )


def command(local_rank: int) -> list[str]:
    """Command line that starts another process of this run. In a Hydra multirun it runs the current job only.

    Args:
        local_rank: Local rank of the new process, which becomes part of the name of its log file.
    """
    if not HydraConfig.initialized():
        return [*_program(), *sys.argv[1:]]
    hydra = HydraConfig.get()
    own = [f"--config-dir={s.path}" for s in hydra.runtime.config_sources if s.provider == "command-line"]
    ours = ("hydra.mode=", "hydra.run.", "hydra/launcher", "hydra/sweeper")
    return [
        *_program(f"unif2ace.commands.{hydra.job.config_name}"),
        *own,
        *hydra.overrides.task,
        *(o for o in hydra.overrides.hydra if not o.lstrip("+~").startswith(ours)),
        "hydra.mode=RUN",
        f"hydra.run.dir={_quoted(hydra.runtime.output_dir)}",
        "hydra.output_subdir=null",
        f"hydra.job.name={hydra.job.name}_rank_{local_rank}",
    ]


def _program(module: str = "") -> list[str]:
    """Command that runs a module, or this program again if the module does not exist.

    The module is needed because a Hydra launcher may run a job in the process of another program.
    """
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    if module and importlib.util.find_spec(module):
        return [sys.executable, "-m", module]
    return [sys.executable, "-m", spec.name] if spec else [sys.executable, os.path.abspath(sys.argv[0])]


def _quoted(path: str) -> str:
    """Quotes a path for Hydra's override grammar."""
    return "'" + path.replace("${", "\\${").replace("'", "\\'") + "'"
