"""Runs a step over shards with concurrent batches. A journal makes the run restartable, with identical output."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from unif2ace.curation.inputs import StepInput
from unif2ace.curation.journal import Journal
from unif2ace.curation.output import StepFolder
from unif2ace.curation.part import StepPart
from unif2ace.curation.step import Estimate, Item, Step, StepResult, StepUsage
from unif2ace.data.output_lock import output_lock
from unif2ace.data.shards import Progress, Sample, SampleFault
from unif2ace.data.shards.writer import check_key, sample_files
from unif2ace.errors import DataError

_MEASURED = 16  # samples that an estimate looks at


@dataclass(frozen=True, slots=True)
class StepRun:
    """Results of one run of a step.

    Attributes:
        folder: Output folder.
        done: Number of input samples finished in this run.
        outcomes: Number of these samples by outcome.
        usage: Requests, tokens and cost of these samples.
        finished: Whether the folder is complete, with its index. It stays False while other parts are unfinished.
    """

    folder: Path
    done: int
    outcomes: dict[str, int]
    usage: StepUsage
    finished: bool


def estimate_step(
    step: Step[Item], inputs: StepInput[Item], folder: str | Path, part: StepPart | None = None
) -> Estimate:
    """Estimates what `run_step` would do, without writing or sending anything.

    Args:
        step: The step.
        inputs: Input of the step.
        folder: Output folder. Samples that are finished in it are not estimated.
        part: Which shards to process; None for all.

    Raises:
        DataError: If the folder holds the result of other settings.
    """
    out = StepFolder(folder, step, inputs, write=False)
    todo, finished, first = 0, 0, list[Item]()
    for shard in (part or StepPart()).of(len(inputs)):
        keys = inputs.keys(shard)
        known = out.journalled(shard) if out.missing([shard]) else set(keys)
        left = [place for place, key in enumerate(keys) if key not in known]
        todo, finished = todo + len(left), finished + len(keys) - len(left)
        for place in left[: _MEASURED - len(first)]:
            try:
                first.append(inputs.read(shard, place))
            except SampleFault:  # is left out later
                continue
    usage, lines = step.estimate(todo, first)
    return Estimate(todo, finished, usage, lines)


def run_step(
    step: Step[Item],
    inputs: StepInput[Item],
    folder: str | Path,
    part: StepPart | None = None,
    progress: Progress | None = None,
    *,
    finish: bool = True,
) -> StepRun:
    """Runs a step over the shards of a part. Samples that an earlier run finished are not repeated.

    Parts may run at the same time on several machines with a shared file system. The part that finishes last makes the
    index.

    Args:
        step: The step.
        inputs: Input of the step.
        folder: Output folder.
        part: Which shards to process; None for all.
        progress: Called after every sample.
        finish: Whether to make the index when all shards are written. With False the caller must call
            `StepFolder.finish`.

    Returns:
        The results of this run; `unif2ace.curation.report.read_report` gives those of all runs.

    Raises:
        DataError: If the folder holds the result of other settings, or the step cannot continue. Finished samples are
            kept.
        ConfigError: If another process is writing one of the shards.
    """
    out = StepFolder(folder, step, inputs)
    shards = out.missing((part or StepPart()).of(len(inputs)))
    run = _Run(step, inputs, out, progress)
    if shards:
        run(shards)
    return StepRun(out.folder, run.done, dict(run.outcomes), run.usage, finish and out.finish())


@dataclass(slots=True)
class _OpenShard:
    """A shard in progress: its journal and the number of its unfinished samples."""

    number: int
    journal: Journal
    resources: ExitStack
    left: int


@dataclass(frozen=True, slots=True)
class _Batch:
    """Items of one shard, with their keys and input images."""

    shard: int
    keys: list[str] = field(default_factory=list)
    items: list[Any] = field(default_factory=list)


class _Run:
    """The loop over shards. At most `Step.concurrency` batches are in flight; they may belong to different shards."""

    def __init__(self, step: Step[Any], inputs: StepInput[Any], out: StepFolder, progress: Progress | None) -> None:
        self.step, self.inputs, self.out, self.progress = step, inputs, out, progress
        self.done, self.total, self.outcomes, self.usage = 0, 0, Counter[str](), StepUsage()
        self._open: dict[int, _OpenShard] = {}

    def __call__(self, shards: Sequence[int]) -> None:
        known = {shard: self.out.journalled(shard) for shard in shards}
        self.total = sum(len(self.inputs.keys(shard)) - len(known[shard]) for shard in shards)
        flying: dict[Future[list[StepResult]], _Batch] = {}
        error: BaseException | None = None
        with ExitStack() as resources:
            resources.callback(self._close)
            pool = resources.enter_context(_executor(self.step, self.total))
            batches = self._batches(shards)
            try:
                for batch in batches:
                    flying[pool.submit(_results, None if self.step.processes else self.step, batch.items)] = batch
                    if len(flying) >= self.step.concurrency:
                        self._collect(flying)
            except BaseException as stopped:
                error = stopped
            while flying:  # what is in flight is paid for: it is journalled, whatever stopped the run
                try:
                    self._collect(flying)
                except Exception as stopped:
                    error = error or stopped
            if error:
                raise error

    def _batches(self, shards: Sequence[int]) -> Iterator[_Batch]:
        for shard in shards:
            opened, keys = self._begin(shard), self.inputs.keys(shard)
            if self.out.tar(shard).is_file():  # another process wrote it meanwhile
                self._open.pop(shard).resources.close()
                continue
            batch = _Batch(shard)
            for place, key in enumerate(keys):
                if key in opened.journal:
                    continue
                try:
                    item = self.inputs.read(shard, place)
                except SampleFault as fault:
                    self._record(shard, key, None, StepResult.refused(fault.cause, str(fault)))
                    continue
                batch.keys.append(key)
                batch.items.append(item)
                if len(batch.keys) == self.step.batch_size:
                    yield batch
                    batch = _Batch(shard)
            if batch.keys:
                yield batch
            self._end_if_done(opened)

    def _begin(self, shard: int) -> _OpenShard:
        resources = ExitStack()
        path = self.out.journal(shard)
        resources.enter_context(output_lock(path, "folder", single=True))
        journal = resources.enter_context(Journal(path, self.out.fingerprint))
        left = sum(key not in journal for key in self.inputs.keys(shard))
        self._open[shard] = _OpenShard(shard, journal, resources, left)
        return self._open[shard]

    def _collect(self, flying: dict[Future[list[StepResult]], _Batch]) -> None:
        """Waits until at least one batch is finished, and journals all finished batches."""
        ready, _ = wait(flying, return_when=FIRST_COMPLETED)
        error: BaseException | None = None
        for future in ready:
            batch = flying.pop(future)
            if failed := future.exception():
                error = error or _explained(failed)
                continue
            for key, item, result in zip(batch.keys, batch.items, future.result(), strict=True):
                self._record(batch.shard, key, item, result)
        if error:
            raise error

    def _record(self, shard: int, key: str, item: object, result: StepResult) -> None:
        opened = self._open[shard]
        opened.journal.add(key, result, item.image if isinstance(item, Sample) else b"")
        opened.left -= 1
        self.done += 1
        self.outcomes[result.outcome] += 1
        self.usage += result.usage
        if self.progress:
            self.progress(self.done, self.total, self._what())
        self._end_if_done(opened)

    def _what(self) -> str:
        cost = self.usage.cost
        money = f", cost {cost:,.2f} of about {cost / self.done * self.total:,.2f}" if cost else ""
        return f"{self.step.name}{money}"

    def _end_if_done(self, opened: _OpenShard) -> None:
        if not opened.left and opened.number in self._open:
            self.out.write(opened.number, opened.journal)
            self._open.pop(opened.number).resources.close()

    def _close(self) -> None:
        for opened in self._open.values():
            opened.resources.close()


_worker_step: Step[Any] | None = None


def _set_step(step: Step[Any]) -> None:
    global _worker_step  # noqa: PLW0603 - one per process: a step may be too large to send with every batch
    _worker_step = step


def _executor(step: Step[Any], total: int) -> Executor:
    if not step.processes:
        return ThreadPoolExecutor(step.concurrency)
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(max(1, min(step.concurrency, total)), context, _set_step, (step,))


def _explained(error: BaseException) -> BaseException:
    if isinstance(error, BrokenProcessPool):
        return DataError("a worker process was killed, perhaps because memory ran out; run again with fewer workers")
    return error


def _results(step: Step[Any] | None, items: Sequence[Any]) -> list[StepResult]:
    """One checked result for each item. A fault in one item leaves out only this item."""
    step = step or _worker_step
    assert step is not None
    try:
        return [_checked(result) for result in step.run_batch(items)]
    except SampleFault as fault:
        if len(items) == 1:
            return [StepResult.refused(fault.cause, fault.message)]
        return [result for item in items for result in _results(step, [item])]


def _checked(result: StepResult) -> StepResult:
    """The result, or a result with the outcome ``invalid`` if its samples cannot be stored in a shard."""
    try:
        for sample in result.samples:
            check_key(sample.key)
            sample_files(sample)
    except DataError as error:
        return replace(result, samples=(), outcome="invalid", reason=str(error))
    return result
