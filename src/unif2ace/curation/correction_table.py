"""Counts the corrections of each attribute, with precision and recall where the true attributes are known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from unif2ace.curation.journal import read_journal
from unif2ace.curation.report import JOURNALS

COLUMNS = ("confirmed", "unsure", "unseen", "contradicted", "dependent", "added")
Counts = Counter[tuple[str, bool | None]]
"""Number of decisions by (`Correction.kind`, `Correction.true`)."""


@dataclass(frozen=True, slots=True)
class CorrectionTable:
    """Counts of the decisions that the step `correct` made about the captions of a data set.

    Attributes:
        attributes: Decision counts of each attribute.
    """

    attributes: dict[str, Counts] = field(default_factory=dict)

    @property
    def total(self) -> Counts:
        """The counts over all attributes."""
        return sum(self.attributes.values(), Counts())

    def to_json(self) -> dict[str, Any]:
        """The table as plain JSON. Precision and recall are null where the true attribute is unknown."""
        every = {"all": self.total, **self.attributes}
        return {name: {**_numbers(counts), **scores(counts)} for name, counts in every.items()}

    def to_markdown(self) -> str:
        """The table as Markdown, sorted by the number of contradicted statements."""
        known = any(truth is not None for _, truth in self.total)
        heads = ["attribute", *COLUMNS, *(["precision", "recall", "recall of seen", "added, true"] if known else [])]
        lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
        order = sorted(self.attributes.items(), key=lambda row: (-_numbers(row[1])["contradicted"], row[0]))
        for name, counts in [("**all**", self.total), *order]:
            found = scores(counts).values() if known else ()
            cells = [f"{n:,}" for n in _numbers(counts).values()] + ["" if s is None else f"{s:.3f}" for s in found]
            lines.append("| " + " | ".join([name, *cells]) + " |")
        if known:
            lines += ["", "Precision: share of the contradicted statements that are false. Recall: share of the false "]
            lines[-1] += "statements that were contradicted. Recall of seen: the same for attributes that the "
            lines[-1] += "classifier predicts. Only statements about labelled attributes count."
        return "\n".join([*lines, ""])


def read_corrections(folders: Iterable[str | Path]) -> CorrectionTable:
    """The decisions in the journals of `correct`.

    Args:
        folders: Output folders of `correct`, such as ``train`` and ``val``, finished or not.
    """
    found: dict[str, Counts] = {}
    for folder in folders:
        for path in sorted(Path(folder).glob(JOURNALS)):
            for _, result, _ in read_journal(path):
                for kind, attribute, true in result.notes.get("corrections", ()):
                    found.setdefault(attribute, Counts())[kind, true] += 1
    return CorrectionTable(found)


def scores(counts: Counts) -> dict[str, float | None]:
    """Precision and recall of the contradictions, and the share of true additions; None if no decision counts."""
    hit, wrong = counts["contradicted", True], counts["contradicted", False]
    missed = counts["confirmed", False] + counts["unsure", False]
    return {
        "precision": _share(hit, wrong),
        "recall": _share(hit, missed + counts["unseen", False]),
        "recall_of_seen": _share(hit, missed),
        "added_true": _share(counts["added", True], counts["added", False]),
    }


def _share(right: int, wrong: int) -> float | None:
    return right / (right + wrong) if right + wrong else None


def _numbers(counts: Counts) -> dict[str, int]:
    return {kind: sum(counts[kind, truth] for truth in (True, False, None)) for kind in COLUMNS}
