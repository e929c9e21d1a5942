"""The verb `collect` of `unif2ace-data`: faces from pictures."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from unif2ace.curation.part import StepPart
from unif2ace.data.output_lock import output_lock
from unif2ace.engine.instantiate import instantiate, instantiate_slots
from unif2ace.errors import check_list
from unif2ace.progress import progress

if TYPE_CHECKING:
    from unif2ace.curation.running import StepRun


def collect(config: DictConfig) -> Path:
    """Collects faces from pictures. An interrupted run continues where it stopped.

    Returns:
        The output folder.
    """
    from unif2ace.curation.collect.collect import CollectStep
    from unif2ace.curation.collect.duplicates import HeldOut
    from unif2ace.curation.collect.licenses import with_licenses
    from unif2ace.curation.collect.options import CollectOptions
    from unif2ace.curation.collect.pictures import find_pictures
    from unif2ace.curation.collect.reporting import report_collect
    from unif2ace.curation.collect.running import Collection, estimate_collect
    from unif2ace.curation.collect.running import collect as run

    check_list(config.held_out, "held_out")
    options = CollectOptions(
        name=config.name,
        size=config.size,
        faces=config.faces,
        quality=config.quality,
        require_license=config.require_license,
        duplicates=config.duplicates,
        validation=config.validation,
        pictures_per_shard=config.pictures_per_shard,
        seed=config.seed,
    )
    part, folder, path = StepPart.parse(config.part), Path(config.folder), Path(config.path).expanduser()
    detector = instantiate(config.detector, allow=config.engine.allow)
    filters = instantiate_slots(config.get("filter"), "filter", allow=config.engine.allow)
    step = CollectStep(options, detector, filters, config.workers)
    found = find_pictures(path, options.name)
    pictures = with_licenses(found.pictures, path, config.licenses, config.license)
    what = Collection(found, pictures, folder, options, HeldOut(config.held_out))
    for fault in found.faults:
        _say(f"not read: {fault}")
    if config.estimate:
        _say(estimate_collect(step, what, part).to_text())
        return folder
    began = time.monotonic()
    with part_lock(folder, part), progress("collect") as advance:
        runs = run(step, what, part, advance, runner(config.runner))
    done, seconds = sum(one.done for one in runs), time.monotonic() - began
    _say(f"{done:,} pictures in {seconds:,.0f} s ({done / max(seconds, 1e-9):,.1f}/s): {folder}")
    if not all(one.finished for one in runs):
        _say("other parts are not finished; the part that finishes last makes the index and the report")
        return folder
    with output_lock(folder / "report.md", "folder", single=True, wait=True):
        files = report_collect(what)
    _say("\n".join(map(str, files)))
    return folder


def runner(name: str) -> Callable[..., StepRun]:
    """The function that runs a step: `run_step` or `run_step_on_ray`.

    Args:
        name: ``local`` or ``ray``.
    """
    if name == "ray":
        from unif2ace.curation.ray import run_step_on_ray

        return run_step_on_ray
    from unif2ace.curation.running import run_step

    return run_step


def part_lock(folder: Path, part: StepPart) -> AbstractContextManager[None]:
    """Locks one part of a step's output folder, so that two processes cannot run the same part.

    Args:
        folder: Output folder of the step.
        part: The part to lock.
    """
    return output_lock(folder / f"part-{part.number}-of-{part.total}", "folder", single=True)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
