"""Attribute agreement of generated faces with their prompts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from unif2ace.attributes import TAXONOMY
from unif2ace.engine.fingerprint import SHOWN
from unif2ace.errors import ConfigError
from unif2ace.evaluation.labels import labels_of
from unif2ace.evaluation.metrics.base import OutputMetric, cell, interval
from unif2ace.evaluation.predictions import predictions
from unif2ace.language.reading import read_text

if TYPE_CHECKING:
    from rich.table import Table
    from torch import Tensor

    from unif2ace.evaluation.eval_set import EvalSet
    from unif2ace.evaluation.outputs import Outputs
    from unif2ace.metrics.scores import Agreement, Score


class AgreementMetric(OutputMetric):
    """Agreement of generated faces with their prompts, according to the evaluator; see `attribute_agreement`.

    Args:
        at_least: An attribute is scored if at least this many prompts state it and as many deny it; 1 or more.

    Attributes:
        found: The scores.
        stated: int8 (S, A), labels of the prompts: 1 stated, 0 denied, -1 not mentioned.
        seen: bool (S, A), labels that the evaluator predicts for the generated faces.

    Raises:
        ConfigError: If `at_least` is below 1.
    """

    needs = frozenset({"generated", "evaluator"})
    uses = frozenset({"reconstructed"})
    found: Agreement
    stated: Tensor
    seen: Tensor

    def __init__(self, at_least: int = 5) -> None:
        if at_least < 1:
            raise ConfigError(f"metric.agreement.at_least={at_least}: it must be 1 or more")
        self.at_least = at_least

    def update(self, eval_set: EvalSet, outputs: Outputs) -> None:
        """Predicts the labels of all faces."""
        from unif2ace.metrics.scores import attribute_agreement

        found, keys = predictions(self.setting.evaluator, eval_set, outputs), eval_set.keys
        self._size, self._where = len(eval_set), f"captions of {eval_set.split} ({eval_set.caption})"
        self.stated = labels_of([read_text(prompt) for prompt in eval_set.prompts])
        self.seen, back, real = found.generated(keys), found.reconstructed(keys), found.real(keys)
        how: dict[str, Any] = {"resamples": self.setting.resamples, "seed": self.setting.seed}
        at_least = self.at_least
        seen = self.seen, real, real if back is None else back
        self.found = attribute_agreement(self.stated, *seen, at_least=at_least, **how)
        if back is None:
            by_label = self.found.by_label.clone()
            by_label[3] = math.nan
            self.found = replace(self.found, reconstructed=math.nan, by_label=by_label)

    def compute(self) -> Mapping[str, Score]:
        """``agreement`` (normalised) and ``agreement_raw``, ``_floor``, ``_ceiling`` and ``_reconstructed``."""
        from unif2ace.metrics.scores import Score

        found = self.found
        beside = {"floor": found.floor, "ceiling": found.ceiling, "reconstructed": found.reconstructed}
        values = {f"agreement_{name}": Score(value, samples=self._size) for name, value in beside.items()}
        return {"agreement": found.normalised, "agreement_raw": found.raw, **values}

    def describe(self) -> Mapping[str, str]:
        """Number of captions and attributes, and the evaluator."""
        found = self.found
        measured = f"{int(found.measured.sum())} of {len(found.measured)} attributes, at least "
        measured += f"{self.at_least} captions for and against"
        assert self.setting.evaluator is not None
        evaluator = self.setting.evaluator.fingerprint[:SHOWN]
        return {
            "agreement": f"{interval(found.normalised)}; {self._size} {self._where}, evaluator {evaluator}",
            "agreement_raw": f"{interval(found.raw)}; balanced accuracy, {measured}",
            "agreement_floor": "captions shuffled",
            "agreement_ceiling": "the true faces",
            "agreement_reconstructed": "the tokenizer's reconstructions",
        }

    def conditions(self) -> Mapping[str, Any]:
        """The evaluator, and `at_least`."""
        assert self.setting.evaluator is not None
        return {"evaluator": self.setting.evaluator.fingerprint, "at_least": self.at_least}

    def details(self) -> Mapping[str, Any]:
        """Scores of each attribute."""
        names = ("score", "raw", "floor", "ceiling", "reconstructed")
        return {
            "attributes": {
                name: {
                    **{what: x if math.isfinite(x) else None for what, x in zip(names, numbers, strict=True)},
                    "stated": stated,
                    "denied": denied,
                }
                for name, numbers, (stated, denied) in self.attribute_rows()
            }
        }

    def attribute_rows(self) -> list[tuple[str, tuple[float, ...], tuple[int, int]]]:
        """Rows of the scored attributes.

        A row is (name, (score, raw, floor, ceiling, reconstructed), (stated, denied)). The last two are the numbers of
        prompts that state and that deny the attribute.
        """
        rows: list[tuple[str, tuple[float, ...], tuple[int, int]]] = []
        by_label, stated = self.found.by_label.T.tolist(), self.found.stated.T.tolist()
        for name, (raw, floor, ceiling, back), (yes, no) in zip(TAXONOMY.labels, by_label, stated, strict=True):
            if math.isfinite(raw):
                score = (raw - floor) / (ceiling - floor) if ceiling - floor > 0.1 else float("nan")
                rows.append((name, (score, raw, floor, ceiling, back), (yes, no)))
        return rows

    def table(self) -> Mapping[str, Table]:
        """A row for each attribute, the worst first."""
        from rich.table import Column, Table

        names = ("score", "raw", "ceiling", "tokenizer", "stated", "denied")
        labels = Table("attribute", *(Column(name, justify="right") for name in names))
        for name, (score, raw, _, ceiling, back), stated in sorted(self.attribute_rows(), key=lambda row: _key(row[1])):
            labels.add_row(name, *map(cell, (score, raw, ceiling, back)), *map(str, stated))
        return {"attributes": labels}


def _key(numbers: tuple[float, ...]) -> tuple[bool, float]:
    return not math.isfinite(numbers[0]), numbers[0]
