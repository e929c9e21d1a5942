"""The report of a step from its journals: number of samples by outcome, examples, and endpoint usage."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from unif2ace.curation.journal import read_journal
from unif2ace.curation.step import KEPT, StepUsage
from unif2ace.data.atomic import replacing

EXAMPLES = 5
JOURNALS = "*.journal.jsonl"


@dataclass(frozen=True, slots=True)
class StepReport:
    """Results of a step over all runs and parts.

    Attributes:
        inputs: Number of finished input samples.
        kept: Number of output samples.
        outcomes: Number of input samples by outcome, the most frequent first.
        examples: The first five (key, reason) pairs of each outcome except ``kept``.
        usage: Requests, tokens and cost of all samples.
    """

    inputs: int
    kept: int
    outcomes: dict[str, int]
    examples: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    usage: StepUsage = field(default_factory=StepUsage)

    def to_json(self) -> dict[str, Any]:
        """The report as plain JSON."""
        return asdict(self)

    def to_markdown(self) -> str:
        """The report as Markdown: a table of outcomes, and examples."""
        lines = [f"{self.inputs:,} inputs, {self.kept:,} samples.", "", "| outcome | inputs | share |", "|---|---|---|"]
        for outcome, number in self.outcomes.items():
            lines.append(f"| {outcome} | {number:,} | {100 * number / max(self.inputs, 1):.1f} % |")
        if self.usage.requests:
            lines += ["", f"Used: {self.usage}."]
        for outcome, examples in self.examples.items():
            lines += ["", f"`{outcome}`, the first:", "", *(f"- `{key}`: {reason}" for key, reason in examples)]
        return "\n".join([*lines, ""])


def read_report(folders: Iterable[str | Path]) -> StepReport:
    """Sums up the journals of one or more folders, such as ``train`` and ``val`` of a data set.

    Args:
        folders: Output folders of one step, finished or not.
    """
    outcomes, examples, usage, kept = Counter[str](), defaultdict[str, list[tuple[str, str]]](list), StepUsage(), 0
    for folder in folders:
        for path in sorted(Path(folder).glob(JOURNALS)):
            for key, result, number in read_journal(path):
                outcomes[result.outcome] += 1
                usage, kept = usage + result.usage, kept + number
                if result.outcome != KEPT and len(examples[result.outcome]) < EXAMPLES:
                    examples[result.outcome].append((key, result.reason))
    return StepReport(outcomes.total(), kept, dict(outcomes.most_common()), dict(examples), usage)


def write_report(folder: Path, markdown: str, tree: dict[str, Any]) -> list[Path]:
    """Writes ``report.md`` and ``report.json`` into a folder.

    Returns:
        The paths of both files.
    """
    texts = {"report.md": markdown, "report.json": json.dumps(tree, indent=1, ensure_ascii=False) + "\n"}
    for name, text in texts.items():
        with replacing(folder / name) as file:
            file.write(text.encode())
    return [folder / name for name in texts]
