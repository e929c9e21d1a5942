"""Precision and recall of the statements that a parser finds in captions. Shapes: S samples, R resamples."""

from __future__ import annotations

import math
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from unif2ace.attributes import TAXONOMY, AttributeRecord
from unif2ace.errors import ConfigError
from unif2ace.evaluation.caption_parsers.language_model import UnreadCaptionError
from unif2ace.evaluation.metrics.base import OutputMetric
from unif2ace.language.reading import holds

if TYPE_CHECKING:
    from torch import Tensor

    from unif2ace.evaluation.eval_set import EvalSet
    from unif2ace.evaluation.metrics.base import Setting
    from unif2ace.evaluation.outputs import Outputs
    from unif2ace.language.caption_parser import CaptionParser
    from unif2ace.language.phrasebook import Statement
    from unif2ace.metrics.scores import Score


class StatementsMetric(OutputMetric):
    """Precision and recall of the statements in captions of any wording.

    The attribute record decides whether a statement is true, false or unverifiable. Precision is true / (true + false).
    Recall is the fraction of a face's true labels (among 46) that the caption states. Captions that the
    parser cannot read are skipped and counted.

    Args:
        parser: Finds the statements in a caption.
    """

    needs = frozenset({"captions"})

    def __init__(self, parser: CaptionParser | None = None) -> None:
        self._parser = parser

    def prepare(self, setting: Setting) -> None:
        """Checks that a parser is set.

        Raises:
            ConfigError: If `parser` is None.
        """
        super().prepare(setting)
        if self._parser is None:
            raise ConfigError("metric.statements.parser is not set: select one, such as caption_parser=keywords")

    def update(self, eval_set: EvalSet, outputs: Outputs) -> None:
        """Parses the captions, and compares their statements with the attribute records."""
        with ThreadPoolExecutor(getattr(self._parser, "concurrency", 1)) as pool:
            read = list(pool.map(self._read, (outputs.caption(key) for key in eval_set.keys)))
        self._keys, self._size = eval_set.keys, len(read)
        self._counts = [
            None if one is None else _counts(one, record) for one, record in zip(read, eval_set.records, strict=True)
        ]

    def _read(self, text: str) -> tuple[Statement, ...] | None:
        assert self._parser is not None
        try:
            return self._parser.parse(text)
        except UnreadCaptionError:
            return None

    def compute(self) -> Mapping[str, Score]:
        """``statements`` (F1), and ``_precision``, ``_recall``, ``_false`` (per caption), ``_failed`` (fraction)."""
        import torch

        from unif2ace.metrics.scores import bootstrap

        rows = [[0.0] * 5 if c is None else [*map(float, c), 1.0] for c in self._counts]
        sums_S6 = torch.cat([torch.tensor(rows, dtype=torch.float64), torch.ones(self._size, 1).double()], 1)

        def score(above: int, below: int) -> Score:
            def ratio(sums_R6: Tensor) -> Tensor:
                return torch.where(sums_R6[:, below] > 0, sums_R6[:, above] / sums_R6[:, below], math.nan)

            return bootstrap(sums_S6, ratio, self.setting.resamples, self.setting.seed)

        def f1(sums_R6: Tensor) -> Tensor:
            true, false, named, labels = sums_R6[:, :4].unbind(1)
            precision, recall = true / (true + false).clamp(min=1), named / labels.clamp(min=1)
            return 2 * precision * recall / (precision + recall).clamp(min=1e-12)

        def precision(sums_R6: Tensor) -> Tensor:
            return sums_R6[:, 0] / (sums_R6[:, 0] + sums_R6[:, 1])

        def failed(sums_R6: Tensor) -> Tensor:
            return 1 - sums_R6[:, 4] / sums_R6[:, 5]

        how: dict[str, Any] = {"resamples": self.setting.resamples, "seed": self.setting.seed}
        return {
            "statements": bootstrap(sums_S6, f1, **how),
            "statements_precision": bootstrap(sums_S6, precision, **how),
            "statements_recall": score(2, 3),
            "statements_false": score(1, 4),
            "statements_failed": bootstrap(sums_S6, failed, **how),
        }

    def describe(self) -> Mapping[str, str]:
        """The parser, and the number of captions that it read."""
        read = sum(one is not None for one in self._counts)
        return {
            "statements": f"F1; parser {self._name()}, {read} of {self._size} captions read",
            "statements_false": "false statements per caption",
            "statements_failed": "share of captions that the parser could not read",
        }

    def conditions(self) -> Mapping[str, Any]:
        """The parser."""
        assert self._parser is not None
        return {"parser": self._parser.describe()}

    def samples(self) -> Mapping[str, Mapping[str, float]]:
        """Number of false statements of each caption that was read."""
        pairs = zip(self._keys, self._counts, strict=True)
        return {"statements_false": {key: float(counts[1]) for key, counts in pairs if counts is not None}}

    def _name(self) -> str:
        assert self._parser is not None
        found = self._parser.describe()
        return " ".join(str(found[key]) for key in ("name", "model") if key in found)


def _counts(statements: tuple[Statement, ...], record: AttributeRecord) -> tuple[int, int, int, int]:
    """Numbers of true statements, false statements, true labels that are stated, and true labels."""
    truths = [holds(statement, record) for statement in statements]
    stated = set(statements)
    true = [label for name, label in TAXONOMY.labels.items() if record.labels[name]]
    named = sum((label.field, label.value) in stated for label in true)
    return truths.count(True), truths.count(False), named, len(true)
