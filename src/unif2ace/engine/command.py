"""Runs a command: composes its configuration with Hydra, and prints a user error as one message with a remedy."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NoReturn

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from unif2ace.engine.compose import compose, explain, is_config_fault, settle_experiment
from unif2ace.engine.config_comments import CONFIG_MODULE
from unif2ace.engine.help import help_text
from unif2ace.engine.installation import check_installation
from unif2ace.engine.key_types import check_places, check_values
from unif2ace.engine.resolvers import register
from unif2ace.engine.sweep import every_job, sweep_job
from unif2ace.engine.words import Line, Syntax
from unif2ace.errors import Unif2aceError, nearest

Work = Callable[[DictConfig], Any]
HELP = ("-h", "--help", "help")
WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "KMP_LIBRARY")
"""Environment variables that set how long an idle OpenMP thread spins. PyTorch's wheels use GNU OpenMP (GOMP)."""


@dataclass(frozen=True, slots=True)
class Command:
    """A console command, or a verb of a command, such as ``unif2ace-data stats``.

    Attributes:
        work: Function that runs the command; it receives the composed configuration.
        syntax: Positional arguments and primary configuration of the command.
        help: One line of help for a verb.
        options: Help text of each option that is not Hydra's.
        kinds: Function from the words of the command line to the kinds of networks whose keys `--help` lists.
    """

    work: Work
    syntax: Syntax
    help: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    kinds: Callable[[list[str]], list[str]] | None = None


def run(command: Command) -> None:
    """Composes the configuration from the command line and runs the command.

    Args:
        command: The command.

    Raises:
        SystemExit: With status 1 after a user error, whose message is printed.
    """
    _let_threads_sleep()
    traced = os.environ.get("HYDRA_FULL_ERROR") == "1"
    with one_line_errors(traced):
        words = sys.argv[1:]
        if any(word in HELP[:2] for word in words):
            kinds = command.kinds(words) if command.kinds else ()
            sys.stdout.write(help_text(command.syntax, kinds, dict(command.options)))
            return
        found = command.syntax.overrides(words)
        sys.argv = [command.syntax.app, *found]
        line = command.syntax.split(found)
        if _shows_job(line):
            _show(command.syntax.config, line)
        else:
            _run_hydra(command.syntax.config, command.work, traced)


def _let_threads_sleep() -> None:
    """Makes idle OpenMP threads sleep soon, unless the user has set one of the variables `WAITING`.

    By default idle threads spin for milliseconds. If another process is busy too, they keep the core from the thread
    that they wait for. OpenMP reads the variable when torch is imported. Child processes inherit the variable.
    """
    if not any(name in os.environ for name in WAITING):
        os.environ["GOMP_SPINCOUNT"] = "1000"


def run_verb(app: str, verbs: Mapping[str, Command]) -> None:
    """Runs ``app VERB [WORD] key=value ...``.

    Args:
        app: Name of the console command.
        verbs: The command's verbs, by name.

    Raises:
        SystemExit: If the verb does not exist, or after an error.
    """
    words = sys.argv[1:]
    if not words or words[0] in HELP:
        with one_line_errors():
            sys.stdout.write(_usage(app, verbs))
        raise SystemExit(0 if words else 2)
    if words[0] not in verbs:
        fail(f"{app} has no verb {words[0]!r}{nearest(words[0], verbs)}; its verbs are {', '.join(verbs)}")
    sys.argv = [f"{app} {words[0]}", *words[1:]]
    run(verbs[words[0]])


def _usage(app: str, verbs: Mapping[str, Command]) -> str:
    lines = [f"{app} VERB [key=value ...]", ""]
    for name, verb in verbs.items():
        usage = verb.syntax.usage.removeprefix(f"{app} ")
        lines.append(f"  {usage or name:<26} {verb.help}")
    return "\n".join([*lines, "", f"`{app} VERB --help` lists a verb's keys; set a key with key=value.", ""])


def _run_hydra(config: str, work: Work, traced: bool) -> None:
    register()
    check_installation()
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then raises instead of printing, so that we write the message
    started = False

    def settled(cfg: DictConfig) -> Any:
        nonlocal started
        started = True
        with_hydra = OmegaConf.create({"hydra": HydraConfig.get()})
        loader = GlobalHydra.instance().config_loader()
        settle_experiment(with_hydra, cfg, lambda names: loader.load_configuration(config, list(names), RunMode.RUN))
        check_values(config, cfg)
        check_places(config, cfg)
        return work(cfg)

    def checked(cfg: DictConfig) -> Any:
        if HydraConfig.get().mode == RunMode.MULTIRUN:  # the sweep tells the errors of its jobs
            return sweep_job(settled, cfg)
        with one_line_errors(traced):
            return settled(cfg)

    try:
        with every_job():
            hydra.main(version_base="1.3", config_path=f"pkg://{CONFIG_MODULE}", config_name=config)(checked)()
    except Exception as error:
        if not started and not is_config_fault(error) and (unwritable := unwritable_folder(error)):
            fail(unwritable)
        raise
    finally:
        if not traced:
            os.environ.pop("HYDRA_FULL_ERROR", None)


def _shows_job(line: Line) -> bool:
    """Whether the options ask to print the composed configuration (``--cfg job``)."""
    words = [part for option in line.options for part in option.split("=", 1)]
    shows = [a in ("--cfg", "-c") and b == "job" for a, b in pairwise(words)]
    return any(shows) and set(words) <= {"--cfg", "-c", "job", "--resolve"}


def _show(config: str, line: Line) -> None:
    made = compose(config, line.overrides)
    sys.stdout.write(OmegaConf.to_yaml(made, resolve="--resolve" in line.options))


@contextmanager
def one_line_errors(traced: bool = False) -> Iterator[None]:
    """Turns an error that a user can fix into one message and an exit. Other errors are bugs and keep their traceback.

    Args:
        traced: Whether to keep the traceback of every error.

    Raises:
        SystemExit: With status 1 after a user error, 130 after Ctrl-C, 141 if the output pipe is closed (``| head``).
    """
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of our output has ended, as in `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(141) from None
    except KeyboardInterrupt:
        sys.stderr.write("stopped\n")
        raise SystemExit(130) from None
    except Exception as error:
        message = _user_message(error)
        if message is None or traced:
            raise
        fail(message)


_USERS = (PermissionError, IsADirectoryError, NotADirectoryError, FileExistsError)
_ERRNO = {"ENOSPC", "EDQUOT", "EROFS", "ENAMETOOLONG", "EFBIG"}


def _user_message(error: Exception) -> str | None:
    """The message of an error that a user can fix; None for a bug."""
    if isinstance(error, Unif2aceError):
        return str(error)
    if is_config_fault(error):  # some of Hydra's are an OSError too
        return explain(error)
    if isinstance(error, OSError):
        known = isinstance(error, _USERS) or errno.errorcode.get(error.errno or 0) in _ERRNO
        return f"{error.filename or 'cannot write'}: {error.strerror}" if known else None
    return None


def fail(message: str) -> NoReturn:
    """Exits with status 1. Only rank 0 prints the message."""
    if _is_first_process():
        sys.stderr.write(f"error: {message}\n")
    raise SystemExit(1)


def unwritable_folder(error: Exception) -> str:
    """The message for an error of Hydra that cannot write to the run folder; empty for other errors."""
    cause = error if isinstance(error, OSError) else error.__context__
    if not isinstance(cause, OSError) or cause.filename is None:
        return ""
    return f"cannot write {cause.filename} ({cause.strerror}): give another run_dir=..., or change its permissions"


def _is_first_process() -> bool:
    rank = next((os.environ[name] for name in ("RANK", "SLURM_PROCID", "LOCAL_RANK") if name in os.environ), "0")
    return rank == "0"
