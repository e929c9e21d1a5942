"""Runs a step on a Ray cluster: one task for each shard. Needs ``ray[data]``."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

from unif2ace.curation.inputs import StepInput
from unif2ace.curation.output import StepFolder
from unif2ace.curation.part import StepPart
from unif2ace.curation.running import StepRun, run_step
from unif2ace.curation.step import Item, Step, StepUsage
from unif2ace.data.shards import Progress
from unif2ace.errors import ConfigError, DataError


def run_step_on_ray(
    step: Step[Item],
    inputs: StepInput[Item],
    folder: str | Path,
    part: StepPart | None = None,
    progress: Progress | None = None,
    *,
    finish: bool = True,
) -> StepRun:
    """Runs a step like `run_step`, with one Ray Data task for each shard.

    The function joins the cluster at ``RAY_ADDRESS``, or starts Ray on this machine if the variable is not set. All
    machines must see the output folder and the input under the same paths. A task reserves one CPU, or
    `Step.concurrency` CPUs if `Step.processes` is set.

    Args:
        step: The step; pickled for the tasks.
        inputs: Input of the step; pickled for the tasks.
        folder: Output folder.
        part: Which shards to process; None for all.
        progress: Called after every shard.
        finish: Whether to make the index when all shards are written.

    Raises:
        ConfigError: If Ray is not installed.
        DataError: If the folder holds the result of other settings, or a shard could not be finished.
    """
    ray = _ray()
    out = StepFolder(folder, step, inputs)
    shards = out.missing((part or StepPart()).of(len(inputs)))
    done, outcomes, usage = 0, Counter[str](), StepUsage()
    if shards:
        if not ray.is_initialized():
            ray.init(address=os.environ.get("RAY_ADDRESS"), log_to_driver=False, include_dashboard=False)
        ray.data.DataContext.get_current().enable_progress_bars = False
        task = _Task(step, inputs, str(Path(folder).absolute()))
        rows = ray.data.from_items([{"shard": shard} for shard in shards], override_num_blocks=len(shards))
        finished = rows.map(task, num_cpus=step.concurrency if step.processes else 1)
        errors: list[str] = []
        for number, row in enumerate(finished.iter_rows(), start=1):
            done, usage = done + row["done"], usage + StepUsage(**row["usage"])
            outcomes.update({name: count for name, count in row["outcomes"].items() if count})
            errors += [row["error"]] * bool(row["error"])
            if progress:
                progress(number, len(shards), f"{step.name}: shards")
        if errors:
            more = f" ({len(errors)} shards were not finished)" if len(errors) > 1 else ""
            raise DataError(f"{errors[0]}{more}")
    return StepRun(out.folder, done, dict(outcomes), usage, finish and out.finish())


class _Task:
    """Processes one shard in a Ray worker. Errors are returned, because a raised error would end all other tasks."""

    def __init__(self, step: Step[Any], inputs: StepInput[Any], folder: str) -> None:
        self.step, self.inputs, self.folder = step, inputs, folder

    def __call__(self, row: dict[str, int]) -> dict[str, Any]:
        part = StepPart(row["shard"] + 1, len(self.inputs))  # as many parts as shards: exactly this shard
        found: dict[str, Any] = {"done": 0, "outcomes": {"kept": 0}, "usage": {}, "error": ""}
        try:
            run = run_step(self.step, self.inputs, self.folder, part, finish=False)
        except (ConfigError, DataError) as error:
            return {**found, "error": str(error), "usage": asdict(StepUsage())}
        return {**found, "done": run.done, "outcomes": run.outcomes or {"kept": 0}, "usage": asdict(run.usage)}


def _ray() -> Any:
    try:
        import_module("ray.data")
    except ImportError as error:
        raise ConfigError(
            "runner=ray: Ray is not installed; pip install 'ray[data]' or 'unif2ace[ray]', or give runner=local"
        ) from error
    return import_module("ray")
