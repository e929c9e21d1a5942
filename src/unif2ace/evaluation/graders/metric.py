"""Base class of the metrics that use a grader. Shapes: S samples, R resamples."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from unif2ace.errors import ConfigError
from unif2ace.evaluation.graders.base import Failure, Grade, GradeItem, Grader
from unif2ace.evaluation.graders.prompt import load_prompt
from unif2ace.evaluation.metrics.base import OutputMetric

if TYPE_CHECKING:
    from torch import Tensor

    from unif2ace.evaluation.eval_set import EvalSet
    from unif2ace.evaluation.metrics.base import Setting
    from unif2ace.evaluation.outputs import Outputs
    from unif2ace.metrics.scores import Score

_FAILURES: tuple[Failure, ...] = ("malformed", "refusal", "error")


class GradedMetric(OutputMetric):
    """Scores items with a grader. Items without a grade are excluded from the mean and counted.

    Args:
        grader: Scores the items.
        prompt_file: YAML file with the instructions, see `load_prompt`; None for the metric's default prompt.
        max_items: Number of items to grade, from the start of the evaluation set; None for all.

    Raises:
        ConfigError: If `max_items` is below 1, or the prompt cannot be read.
    """

    name: ClassVar[str]
    sees: ClassVar[bool] = False

    def __init__(
        self, grader: Grader | None = None, prompt_file: str | None = None, max_items: int | None = None
    ) -> None:
        if max_items is not None and max_items < 1:
            raise ConfigError(f"metric.{self.name}.max_items={max_items}: it must be 1 or more, or null for all")
        self._grader, self._max_items = grader, max_items
        self._prompt = load_prompt(self.name, prompt_file)

    @abstractmethod
    def items(self, eval_set: EvalSet, outputs: Outputs) -> Sequence[tuple[int, GradeItem]]:
        """Pairs (index of the sample, item). An item must have the same key in a subset of the evaluation set."""

    def prepare(self, setting: Setting) -> None:
        """Checks that a grader is set, and that it can grade the items.

        Raises:
            ConfigError: If no grader is set, or it cannot grade the items.
        """
        super().prepare(setting)
        if self._grader is None:
            raise ConfigError(f"metric.{self.name}.grader is not set: select one, such as grader=rules")
        self._grader.check(self.name, self.sees)

    def update(self, eval_set: EvalSet, outputs: Outputs) -> None:
        """Grades the items."""
        assert self._grader is not None
        chosen = list(self.items(eval_set, outputs))[: self._max_items]
        name = (self.name, self._grader.name, self._prompt.digest)
        known: dict[str, Grade] = outputs.shared(name, dict)
        missing = {item.key: item for _, item in chosen if item.key not in known}
        found = self._grader.grade(list(missing.values()), self._prompt)
        known.update(found.by_key)
        self._graded = [(number, known[item.key]) for number, item in chosen]
        self._usage, self._keys = found.usage, eval_set.keys

    def compute(self) -> Mapping[str, Score]:
        """The mean score ``NAME`` and ``NAME_failed``, the fraction of items without a score.

        If the prompt asks for two scores, ``NAME_relative`` is 100 sum(answer scores) / sum(reference scores).
        """
        values = {
            self.name: self._ratio(lambda grade: grade.scores[-1], lambda _: 1.0),
            f"{self.name}_failed": self._ratio(lambda g: float(g.failure is not None), lambda _: 1.0, failed=True),
        }
        if self._prompt.scores > 1:
            ratio = self._ratio(lambda grade: 100 * grade.scores[-1], lambda grade: grade.scores[0])
            values[f"{self.name}_relative"] = ratio
        return values

    def describe(self) -> Mapping[str, str]:
        """Grader, prompt, scale, and numbers of items and failures."""
        assert self._grader is not None
        counts = self._failures()
        failed = ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "none"
        prompt = self._prompt
        texts = {
            self.name: f"{prompt.minimum:g} to {prompt.maximum:g}; grader {self._grader.name}, prompt "
            f"{prompt.digest[:8]}; {len(self._graded) - sum(counts.values())} of {len(self._graded)} items graded",
            f"{self.name}_failed": f"share of items without a score: {failed}",
        }
        if prompt.scores > 1:
            texts[f"{self.name}_relative"] = "percent of the references' scores"
        return texts

    def conditions(self) -> Mapping[str, Any]:
        """Grader, prompt and number of items."""
        assert self._grader is not None
        return {"grader": self._grader.name, "prompt": self._prompt.digest, "items": len(self._graded)}

    def details(self) -> Mapping[str, Any]:
        """Failures by kind, numbers of requests and tokens, and hash of the prompt."""
        return {self.name: {"failures": self._failures(), "usage": self._usage, "prompt": self._prompt.digest}}

    def samples(self) -> Mapping[str, Mapping[str, float]]:
        """Mean score of each sample that has one."""
        scores: dict[str, list[float]] = {}
        for number, grade in self._graded:
            if grade.scores:
                scores.setdefault(self._keys[number], []).append(grade.scores[-1])
        return {self.name: {key: sum(each) / len(each) for key, each in scores.items()}}

    def _failures(self) -> dict[str, int]:
        counts = Counter(grade.failure for _, grade in self._graded)
        return {name: counts[name] for name in _FAILURES}

    def _ratio(self, above: Callable[[Grade], float], below: Callable[[Grade], float], failed: bool = False) -> Score:
        """sum(above) / sum(below) over graded items, or over all items if `failed`; the interval is over samples."""
        import torch

        from unif2ace.metrics.scores import bootstrap

        sums_S2 = torch.zeros(len(self._keys), 2, dtype=torch.float64)
        for number, grade in self._graded:
            if failed or grade.scores:
                sums_S2[number] += torch.tensor([above(grade), below(grade)], dtype=torch.float64)

        def ratio(sums_R2: Tensor) -> Tensor:
            return torch.where(sums_R2[:, 1] > 0, sums_R2[:, 0] / sums_R2[:, 1], math.nan)

        return bootstrap(sums_S2, ratio, self.setting.resamples, self.setting.seed)
