"""Running a command: Hydra reads the configuration, faults are told in one message that names the mend."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from typing import Any

import hydra
from omegaconf import DictConfig, OmegaConf

from unif2ace.engine.compose import CONFIG_MODULE, check_experiment, config_names, explain, is_config_fault
from unif2ace.engine.resolvers import register
from unif2ace.errors import Unif2aceError, nearest

Work = Callable[[DictConfig], Any]


def run(name: str, work: Work) -> None:
    """Composes configuration `name` from the command line and does the work.

    Args:
        name: Name of a primary configuration, such as ``train``.
        work: Called with the composed configuration.

    Raises:
        SystemExit: With status 1 after a fault that the message explains.
    """
    register()
    quiet = "HYDRA_FULL_ERROR" not in os.environ
    os.environ["HYDRA_FULL_ERROR"] = "1"  # hydra then raises instead of printing: the message is ours to write

    def checked(config: DictConfig) -> Any:
        from hydra.core.hydra_config import HydraConfig

        full = OmegaConf.merge({"hydra": HydraConfig.get()}, config)
        check_experiment(full, lambda overrides: _recompose(name, overrides))
        return work(config)

    try:
        hydra.main(version_base="1.3", config_path=f"pkg://{CONFIG_MODULE}", config_name=name)(checked)()
    except Unif2aceError as error:
        _fail(str(error), error, quiet)
    except Exception as error:
        if not is_config_fault(error):
            raise
        _fail(explain(error), error, quiet)


def run_verb(app: str, verbs: dict[str, tuple[Work, str | None, str]]) -> None:
    """Runs ``app VERB [POSITIONAL] key=value ...``: one primary configuration per verb.

    Args:
        app: Name of the console command.
        verbs: Per verb: the work, the key that a first word without ``=`` is the value of (or None), and one line of help.
    """
    words = sys.argv[1:]
    if not words or words[0] in ("-h", "--help", "help"):
        sys.stdout.write(_usage(app, verbs))
        raise SystemExit(0 if words else 2)
    verb, rest = words[0], words[1:]
    if verb not in verbs:
        _fail(f"{app} has no {verb!r}{nearest(verb, verbs)}; there are {', '.join(verbs)}", None, True)
    work, positional, _ = verbs[verb]
    if positional and rest and "=" not in rest[0] and not rest[0].startswith("-"):
        rest[0] = f"{positional}={_quoted(rest[0])}"
    sys.argv = [f"{app} {verb}", *rest]
    run(verb, work)


def _usage(app: str, verbs: dict[str, tuple[Work, str | None, str]]) -> str:
    lines = [f"{app} VERB [key=value ...]", ""]
    for verb, (_, positional, text) in verbs.items():
        lines.append(f"  {verb + (' ' + positional.upper() if positional else ''):<18} {text}")
    return "\n".join([*lines, "", f"`{app} VERB --help` lists a verb's keys; any of them is set by key=value.", ""])


def _quoted(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _recompose(name: str, overrides: list[str]) -> DictConfig:
    from hydra.core.global_hydra import GlobalHydra
    from hydra.types import RunMode

    loader = GlobalHydra.instance().config_loader()
    return loader.load_configuration(name, list(overrides), RunMode.RUN)


def _fail(message: str, error: BaseException | None, quiet: bool) -> None:
    logging.getLogger(__name__).debug("failed", exc_info=error)
    sys.stderr.write(f"error: {message}\n")
    if error is not None and not quiet:
        raise error
    raise SystemExit(1)


__all__ = ["config_names", "run", "run_verb"]
