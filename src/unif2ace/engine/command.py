"""Runs a command: composes the configuration with Hydra, and prints errors as one message with a remedy."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from unif2ace.engine.compose import CONFIG_MODULE, explain, is_config_fault, settle_experiment
from unif2ace.engine.installation import check_installation
from unif2ace.engine.resolvers import register
from unif2ace.engine.sweep import every_job, sweep_job
from unif2ace.errors import Unif2aceError, nearest

Work = Callable[[DictConfig], Any]


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb of a command such as ``unif2ace-data``.

    Attributes:
        work: Called with the composed configuration.
        config: Name of its primary configuration.
        help: One line of help.
        positional: Key whose value is a first word without ``=``; None if there is none.
        required: Whether that word must be given.
    """

    work: Work
    config: str
    help: str
    positional: str | None = None
    required: bool = False


def run(config: str, work: Work) -> None:
    """Composes a primary configuration from the command line and runs the work.

    Args:
        config: Name of the configuration, such as ``train``.
        work: Called with the composed configuration.

    Raises:
        SystemExit: With status 1 after an error that the message explains.
    """
    register()
    wants_traceback = os.environ.get("HYDRA_FULL_ERROR") == "1"
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then raises instead of printing, so that we write the message

    started = False

    def checked(cfg: DictConfig) -> Any:
        nonlocal started
        started = True
        with_hydra = OmegaConf.create({"hydra": HydraConfig.get()})
        loader = GlobalHydra.instance().config_loader()
        in_sweep = HydraConfig.get().mode == RunMode.MULTIRUN
        try:
            settle_experiment(
                with_hydra, cfg, lambda names: loader.load_configuration(config, list(names), RunMode.RUN)
            )
            return sweep_job(work, cfg) if in_sweep else work(cfg)
        except Unif2aceError as error:
            if wants_traceback or in_sweep:
                raise
            fail(str(error))

    try:
        check_installation()
        with every_job():
            hydra.main(version_base="1.3", config_path=f"pkg://{CONFIG_MODULE}", config_name=config)(checked)()
    except Unif2aceError as error:  # of a sweep
        if wants_traceback:
            raise
        fail(str(error))
    except Exception as error:
        if not started and (unwritable := unwritable_folder(error)):
            fail(unwritable)
        if wants_traceback or not is_config_fault(error):
            raise
        fail(explain(error))
    finally:
        if not wants_traceback:
            os.environ.pop("HYDRA_FULL_ERROR", None)


def run_verb(app: str, verbs: Mapping[str, Verb]) -> None:
    """Runs ``app VERB [WORD] key=value ...``.

    Args:
        app: Name of the console command.
        verbs: Its verbs, by name.

    Raises:
        SystemExit: If there is no such verb or its word is missing, or after an error.
    """
    words = sys.argv[1:]
    if not words or words[0] in ("-h", "--help", "help"):
        sys.stdout.write(_usage(app, verbs))
        raise SystemExit(0 if words else 2)
    name, rest = words[0], words[1:]
    if name not in verbs:
        fail(f"{app} has no {name!r}{nearest(name, verbs)}; there are {', '.join(verbs)}")
    verb = verbs[name]
    if verb.positional and rest and is_word(rest[0]):
        rest[0] = f"{verb.positional}={quoted(rest[0])}"
    elif verb.required and not any(w.startswith((f"{verb.positional}=", "-")) for w in rest):
        fail(f"{app} {name} needs a {verb.positional}: `{app} {name} {str(verb.positional).upper()} ...`")
    sys.argv = [f"{app} {name}", *rest]
    run(verb.config, verb.work)


def _usage(app: str, verbs: Mapping[str, Verb]) -> str:
    lines = [f"{app} VERB [key=value ...]", ""]
    for name, verb in verbs.items():
        word = f" {verb.positional.upper()}" if verb.positional else ""
        lines.append(f"  {name + word:<18} {verb.help}")
    return "\n".join([*lines, "", f"`{app} VERB --help` lists a verb's keys; any of them is set with key=value.", ""])


def is_word(argument: str) -> bool:
    """Whether a command-line argument is a plain word: neither an option nor ``key=value``."""
    return "=" not in argument and not argument.startswith("-")


def quoted(word: str) -> str:
    """A word, quoted as the value of ``key=value``."""
    if all(c.isalnum() or c in "_-./~" for c in word):
        return word
    word = word.replace("${", "\\${")  # no interpolation
    # in Hydra's strings a backslash is literal, unless a quote follows
    word = re.sub(r"(\\*)'", lambda run: run[1] * 2 + r"\'", word)
    return "'" + re.sub(r"(\\+)$", r"\1\1", word) + "'"


def fail(message: str) -> NoReturn:
    """Exits with status 1 and a message."""
    sys.stderr.write(f"error: {message}\n")
    raise SystemExit(1)


def unwritable_folder(error: Exception) -> str:
    """The message if Hydra cannot write into the folder of the run; empty for other errors."""
    cause = error if isinstance(error, OSError) else error.__context__
    if not isinstance(cause, OSError) or cause.filename is None:
        return ""
    return f"cannot write {cause.filename} ({cause.strerror}): give another run_dir=..., or change its permissions"
