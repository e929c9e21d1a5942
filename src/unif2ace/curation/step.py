"""What a step does with one sample. `unif2ace.curation.running.run_step` maps a step over shards.

A step is written as a subclass of `Step` with two methods::

    class Shout(Step[Sample]):
        name = "shout"

        def describe(self):           # all settings that determine the results, as plain JSON
            return {}

        def run(self, item):          # item is a Sample; its image stays unless a result has another one
            text = (item.metadata.caption or "").upper()
            return StepResult((with_metadata(item, caption=text),))

`run` may be called from several threads or processes at once, see `Step.concurrency`. Whatever it returns is written to
the journal before anything else happens, so it is never called twice for a finished sample. It reports

- a sample that stays: ``StepResult((sample,))``; several or changed pictures are several samples with own keys;
- a sample that is left out: ``StepResult.refused("no_face", "no face was found")``, or raise `SampleFault`;
- a sample that could not be finished now, such as an endpoint that is down: raise `DataError` or `ConfigError`. The run
  stops after the samples in flight are journalled; the next run continues.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, Generic, Self, TypeVar

from unif2ace.data.shards import Sample

Item = TypeVar("Item")
KEPT = "kept"


@dataclass(frozen=True, slots=True)
class StepUsage:
    """What an endpoint was asked for.

    Attributes:
        requests: Number of requests, with the repeated ones.
        input_tokens: Tokens sent.
        output_tokens: Tokens received.
        cost: Money at the configured prices, in their currency.
    """

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float = 0.0

    def __add__(self, other: StepUsage) -> StepUsage:
        return StepUsage(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(StepUsage)))

    def times(self, number: float) -> StepUsage:
        """This usage multiplied by a number of samples; counts are rounded."""
        requests, sent, received = self.requests * number, self.input_tokens * number, self.output_tokens * number
        return StepUsage(round(requests), round(sent), round(received), self.cost * number)

    def __str__(self) -> str:
        money = f", {self.cost:,.2f} in money" if self.cost else ""
        return f"{self.requests:,} requests, {self.input_tokens:,} tokens in, {self.output_tokens:,} out{money}"


@dataclass(frozen=True, slots=True)
class StepResult:
    """What became of one sample.

    Attributes:
        samples: What the output shard holds of it; empty if it is left out.
        outcome: One word, counted in the report: ``kept``, or why the sample is left out or special.
        reason: Explanation for people.
        usage: What it used of an endpoint.
        notes: Further plain JSON for the journal and the report, such as changes or scores.
    """

    samples: tuple[Sample, ...] = ()
    outcome: str = KEPT
    reason: str = ""
    usage: StepUsage = StepUsage()
    notes: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def refused(cls, outcome: str, reason: str, **more: Any) -> Self:
        """A sample that is left out."""
        return cls((), outcome, reason, **more)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run will do, before it does anything.

    Attributes:
        samples: Samples that are not finished.
        finished: Samples that are.
        usage: What the remaining samples will use.
        lines: Further facts, for people.
    """

    samples: int
    finished: int
    usage: StepUsage = StepUsage()
    lines: tuple[str, ...] = ()

    def to_text(self) -> str:
        """One fact a line."""
        done = f" ({self.finished:,} are finished)" if self.finished else ""
        used = (str(self.usage),) if self.usage.requests else ()
        return "\n".join((f"{self.samples:,} samples to do{done}", *used, *self.lines))


class Step(ABC, Generic[Item]):
    """One step of curation: a function of one sample, with settings.

    Attributes:
        name: Name of the step; it is appended to ``provenance.steps`` by `with_metadata`.
        concurrency: Batches in flight at once, in threads.
        processes: Whether batches run in processes of their own rather than in threads: for work on the processor. The
            step is then pickled once per process.
        batch_size: Samples that `run_batch` receives at once. A kill loses at most ``concurrency * batch_size``.
    """

    name: ClassVar[str]
    concurrency: int = 1
    processes: bool = False
    batch_size: int = 1

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """All settings that determine the results, as plain JSON, with hashes of files that they name.

        A folder is continued only with equal ones. Settings that do not change results, such as the concurrency or the
        price of a token, are not part of it.
        """

    @abstractmethod
    def run(self, item: Item) -> StepResult:
        """The result for one sample.

        Raises:
            SampleFault: If the sample is unusable; it is left out with the fault's cause as outcome.
            DataError: If the step cannot continue; the run stops, and the sample is not finished.
        """

    def run_batch(self, items: Sequence[Item]) -> list[StepResult]:
        """The results for several samples; override it where a batch is faster than its samples.

        Raises:
            SampleFault: If a sample is unusable; each sample is then run on its own.
            DataError: As in `run`.
        """
        return [self.run(item) for item in items]

    def estimate(self, samples: int, first: Sequence[Item]) -> tuple[StepUsage, tuple[str, ...]]:
        """The expected usage, and further facts for people. Nothing is sent anywhere.

        Args:
            samples: Number of samples to do.
            first: Some of them, to measure lengths.
        """
        del samples, first
        return StepUsage(), ()


def with_metadata(sample: Sample, step: str, **changes: Any) -> Sample:
    """A sample with other metadata, and the step added to ``provenance.steps``.

    Args:
        sample: The sample.
        step: Name of the step.
        **changes: Attributes of `Metadata`; `provenance` is merged into the old one.
    """
    before = sample.metadata
    steps = [*before.provenance.get("steps", ()), step]
    provenance = {**before.provenance, **changes.pop("provenance", {}), "steps": steps}
    return replace(sample, metadata=replace(before, provenance=provenance, **changes))
