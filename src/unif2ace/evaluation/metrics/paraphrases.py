"""Robustness of answers to the wording of yes/no questions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from unif2ace.evaluation.metrics.base import OutputMetric, cell, interval
from unif2ace.evaluation.paraphrases import MAX_NEW

if TYPE_CHECKING:
    from rich.table import Table

    from unif2ace.evaluation.eval_set import EvalSet
    from unif2ace.evaluation.outputs import Outputs
    from unif2ace.metrics.scores import ParaphraseScore, Score

_WORST = 10  # attributes in the table; evaluation.json has all


class ParaphrasesMetric(OutputMetric):
    """Accuracy of answers to reworded yes/no questions; see `paraphrase_scores`.

    Attributes:
        found: The scores; None if the evaluation set has no paraphrases.
    """

    needs = frozenset({"paraphrases"})
    found: ParaphraseScore | None

    def update(self, eval_set: EvalSet, outputs: Outputs) -> None:
        """Compares the answer to each wording with the answer to the plain wording."""
        from unif2ace.metrics.scores import paraphrase_scores

        def said(sample: int, text: str) -> str:
            return outputs.answer(eval_set.keys[sample], text, MAX_NEW)

        verdicts = [
            one.verdict(said(one.sample, one.plain), said(one.sample, one.text)) for one in eval_set.paraphrases
        ]
        self.found = paraphrase_scores(verdicts, resamples=self.setting.resamples, seed=self.setting.seed)

    def compute(self) -> Mapping[str, Score]:
        """``paraphrases``, the same for ``_untrained`` and ``_plain`` wordings, and ``_topic`` and ``_same``."""
        words = self.found
        if not words:
            return {}
        return {
            "paraphrases": words.normalised,
            "paraphrases_untrained": words.untrained,
            "paraphrases_plain": words.plain,
            "paraphrases_topic": words.topic,
            "paraphrases_same": words.same,
        }

    def describe(self) -> Mapping[str, str]:
        """Number of questions and attributes."""
        words = self.found
        if not words:
            return {}
        return {
            "paraphrases": f"{interval(words.normalised)}; {words.questions} yes/no questions in other words on "
            f"{len(words.attributes)} attributes, answers of at most {MAX_NEW} tokens",
            "paraphrases_untrained": f"{interval(words.untrained)}; wordings that training questions never have",
            "paraphrases_plain": f"{interval(words.plain)}; the plain wording, same faces",
            "paraphrases_topic": f"{interval(words.topic)}; share of answers about the same attribute",
            "paraphrases_same": f"{interval(words.same)}; share that also say the same as for the plain wording",
        }

    def details(self) -> Mapping[str, Any]:
        """For each attribute: number of paraphrases, and the fractions ``topic``, ``same`` and ``right``."""
        return {"paraphrases": self.found and {name: list(n) for name, n in self.found.attributes.items()}}

    def table(self) -> Mapping[str, Table]:
        """The attributes whose paraphrases are answered worst."""
        from rich.table import Column, Table

        if not self.found:
            return {}
        names = ("same attribute", "same answer", "right", "asked")
        worst = Table("paraphrases, the worst", *(Column(name, justify="right") for name in names))
        rows = sorted(self.found.attributes.items(), key=lambda row: row[1][1:])
        for name, (number, *shares) in rows[:_WORST]:
            worst.add_row(name, *map(cell, shares), str(number))
        return {"paraphrases": worst}
