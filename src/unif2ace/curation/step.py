"""The base class of curation steps. `unif2ace.curation.running.run_step` applies a step to all samples of shards.

A step is written as a subclass of `Step` with two methods::

    class Shout(Step[Sample]):
        name = "shout"

        def describe(self):           # all settings that determine the results, as plain JSON
            return {}

        def run(self, item):          # item is a Sample; its image stays unless a result has another one
            text = (item.metadata.caption or "").upper()
            return StepResult((with_metadata(item, caption=text),))

`run` may be called from several threads or processes at once, see `Step.concurrency`. Every result is journalled
immediately, so `run` is never called again for a finished sample. `run` has three ways to end:

- To keep a sample, return ``StepResult((sample,))``. A result with several samples gives each sample its own key.
- To leave a sample out, return ``StepResult.refused("no_face", "no face was found")`` or raise `SampleFault`.
- To stop the run, for example because an endpoint is down, raise `DataError` or `ConfigError`. The samples in flight
  are still journalled, and the next run continues with the unfinished samples.
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
    """Usage of a language model's endpoint.

    Attributes:
        requests: Number of requests, including retries.
        input_tokens: Number of tokens sent.
        output_tokens: Number of tokens received.
        cost: Cost at the configured prices, in the currency of the prices.
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
        money = f", cost {self.cost:,.2f}" if self.cost else ""
        sent, received = f"{self.input_tokens:,} input tokens", f"{self.output_tokens:,} output tokens"
        return f"{self.requests:,} requests, {sent}, {received}{money}"


@dataclass(frozen=True, slots=True)
class StepResult:
    """The result of a step for one input sample.

    Attributes:
        samples: Output samples; empty if the input sample is left out.
        outcome: One word that the report counts: ``kept``, or the reason why the sample is left out or special.
        reason: Explanation in words.
        usage: Requests, tokens and cost of this sample.
        notes: Further plain JSON for the journal and the report, such as changes or scores.
    """

    samples: tuple[Sample, ...] = ()
    outcome: str = KEPT
    reason: str = ""
    usage: StepUsage = StepUsage()
    notes: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def refused(cls, outcome: str, reason: str, **more: Any) -> Self:
        """The result for a sample that is left out.

        Args:
            outcome: One word that the report counts.
            reason: Explanation in words.
            **more: Other attributes of the result.
        """
        return cls((), outcome, reason, **more)


@dataclass(frozen=True, slots=True)
class Estimate:
    """An estimate of a run before it starts.

    Attributes:
        samples: Number of unfinished samples.
        finished: Number of finished samples.
        usage: Expected usage of the unfinished samples.
        lines: Further lines of text to print.
    """

    samples: int
    finished: int
    usage: StepUsage = StepUsage()
    lines: tuple[str, ...] = ()

    def to_text(self) -> str:
        """The estimate as text, one fact per line."""
        done = f" ({self.finished:,} are already finished)" if self.finished else ""
        used = (str(self.usage),) if self.usage.requests else ()
        return "\n".join((f"{self.samples:,} samples to do{done}", *used, *self.lines))


class Step(ABC, Generic[Item]):
    """One step of curation: a function of one sample, with settings.

    Attributes:
        name: Name of the step; `with_metadata` appends it to ``provenance.steps``.
        concurrency: Number of batches in flight at once.
        processes: Whether batches run in processes instead of threads, for CPU-bound steps. The step is then pickled
            once per process.
        batch_size: Number of samples per call of `run_batch`. A killed run loses at most ``concurrency * batch_size``
            samples.
    """

    name: ClassVar[str]
    concurrency: int = 1
    processes: bool = False
    batch_size: int = 1

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """All settings that determine the results, as plain JSON. Files are described by their hashes.

        A run continues an output folder only if these settings are equal. Leave out settings that do not change
        results, such as the concurrency or the price of a token.
        """

    @abstractmethod
    def run(self, item: Item) -> StepResult:
        """The result for one sample.

        Raises:
            SampleFault: If the sample is unusable. It is left out, with the fault's cause as outcome.
            DataError: If the step cannot continue. The run stops, and the sample stays unfinished.
        """

    def run_batch(self, items: Sequence[Item]) -> list[StepResult]:
        """The results for several samples. Override this method if batching is faster.

        Raises:
            SampleFault: If a sample is unusable. The method is then called again for each sample alone.
            DataError: If the step cannot continue. The run stops, and the samples stay unfinished.
        """
        return [self.run(item) for item in items]

    def estimate(self, samples: int, first: Sequence[Item]) -> tuple[StepUsage, tuple[str, ...]]:
        """The expected usage, and further lines of text to print. Nothing is sent.

        Args:
            samples: Number of unfinished samples.
            first: The first of these samples, to measure prompt lengths.
        """
        del samples, first
        return StepUsage(), ()


def with_metadata(sample: Sample, step: str, **changes: Any) -> Sample:
    """A copy of a sample with changed metadata, and with the step added to ``provenance.steps``.

    Args:
        sample: The sample.
        step: Name of the step.
        **changes: New values of `Metadata` attributes. A new `provenance` is merged into the old one.
    """
    before = sample.metadata
    steps = [*before.provenance.get("steps", ()), step]
    provenance = {**before.provenance, **changes.pop("provenance", {}), "steps": steps}
    return replace(sample, metadata=replace(before, provenance=provenance, **changes))
