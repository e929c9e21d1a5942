"""`unif2ace-train ... --plan`: the resources that a training needs, without running it."""

from __future__ import annotations

import json
import logging
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial

from omegaconf import DictConfig

from unif2ace.engine.command import fail

FLAG = "--plan"


def plan(config: DictConfig, ranks: Sequence[int] = (), as_json: bool = False) -> None:
    """Prints parameters, memory per rank and FLOPs per step, without training or writing anything.

    Args:
        config: Composed from ``train.yaml``.
        ranks: Further numbers of ranks to plan for, with the same global batch size.
        as_json: Whether to print one JSON object instead of tables.

    Raises:
        ConfigError: If the configuration cannot be built, or its batch cannot be divided among the ranks.
    """
    from unif2ace.planning.plan import make_plan

    logging.getLogger("torch").setLevel(logging.ERROR)
    made = make_plan(config, ranks)
    if as_json:
        sys.stdout.write(json.dumps(made.as_json(), indent=1) + "\n")
        return
    from rich.console import Console

    from unif2ace.planning.table import tables

    console = Console(width=100) if not sys.stdout.isatty() else Console()
    console.print(tables(made), highlight=False)


def take_plan(argv: list[str]) -> Callable[[DictConfig], None] | None:
    """Removes ``--plan[=json][=8,64]`` from a command line, because Hydra refuses unknown flags.

    Args:
        argv: Command line, changed in place. Added overrides keep Hydra from creating a run folder.

    Returns:
        The function to call instead of training; None if the flag is absent.

    Raises:
        SystemExit: If the flag has a value other than positive integers and ``json``.
    """
    found = [word for word in argv if word == FLAG or word.startswith(f"{FLAG}=")]
    if not found:
        return None
    words = [w for word in found for w in word.partition("=")[2].split(",") if w]
    if wrong := [w for w in words if w != "json" and not (w.isdigit() and int(w))]:
        fail(f"{FLAG}={','.join(wrong)}: give numbers of ranks, json, or both, such as {FLAG}=8,64,json")
    argv[:] = [word for word in argv if word not in found]
    argv += ["hydra.output_subdir=null", f"hydra.run.dir={tempfile.gettempdir()}", "hydra/job_logging=none"]
    return partial(plan, ranks=[int(w) for w in words if w != "json"], as_json="json" in words)
