"""Accuracy on the questions of a question file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from unif2ace.data.question_files.base import LETTERS, NOT_VISIBLE, QuestionItem
from unif2ace.evaluation.metrics.base import OutputMetric

if TYPE_CHECKING:
    from torch import Tensor

    from unif2ace.evaluation.eval_set import EvalSet
    from unif2ace.evaluation.outputs import Outputs
    from unif2ace.metrics.scores import Score


class ChoicesMetric(OutputMetric):
    """Accuracy on questions with options, by kind and category. Open questions are counted but not scored.

    `matched` finds the options that an answer names. The answer is correct if these are exactly the correct options.
    An answer that names no option is wrong; ``choices_unmatched`` is the fraction of such answers. *Information not
    visible* is a separate option, neither yes nor no.
    """

    needs = frozenset({"items"})

    def update(self, eval_set: EvalSet, outputs: Outputs) -> None:
        """Matches each answer with the options of its question."""
        self._keys, self._name, self._several = eval_set.keys, eval_set.split, eval_set.unscored
        self._rows: list[tuple[int, QuestionItem, bool, bool]] = []
        self._open = 0
        for number, item in eval_set.items:
            if item.kind == "open":
                self._open += 1
                continue
            said = matched(outputs.answer(eval_set.keys[number], item.prompt), item)
            self._rows.append((number, item, said == frozenset(item.answers), bool(said)))

    def compute(self) -> Mapping[str, Score]:
        """``choices``, the same by kind, by category and for ``not_visible`` questions, and ``choices_unmatched``."""
        found = {"choices": self._share([(n, right) for n, _, right, _ in self._rows])}
        parts: dict[str, list[tuple[int, bool]]] = {}
        for number, item, right, _ in self._rows:
            names = [item.kind, *(["not_visible"] if item.not_visible else [])]
            for name in [*(f"choices_{name}" for name in names), *(f"choices/{one}" for one in item.category[:1])]:
                parts.setdefault(name, []).append((number, right))
        found |= {name: self._share(some) for name, some in sorted(parts.items())}
        return {**found, "choices_unmatched": self._share([(n, not known) for n, _, _, known in self._rows])}

    def _share(self, rows: list[tuple[int, bool]]) -> Score:
        import torch

        from unif2ace.metrics.scores import bootstrap

        sums_S2 = torch.zeros(len(self._keys), 2, dtype=torch.float64)
        for number, right in rows:
            sums_S2[number] += torch.tensor([float(right), 1.0], dtype=torch.float64)

        def ratio(sums_R2: Tensor) -> Tensor:
            return sums_R2[:, 0] / sums_R2[:, 1]

        return bootstrap(sums_S2, ratio, self.setting.resamples, self.setting.seed)

    def samples(self) -> Mapping[str, Mapping[str, float]]:
        """Fraction of correct answers for each picture."""
        right: dict[str, list[bool]] = {}
        for number, _, is_right, _ in self._rows:
            right.setdefault(self._keys[number], []).append(is_right)
        return {"choices": {key: sum(some) / len(some) for key, some in right.items()}}

    def describe(self) -> Mapping[str, str]:
        """Numbers of questions, pictures and skipped questions."""
        left = f"; left out: {self._open} open, {self._several} about several pictures"
        text = f"{len(self._rows)} questions of {self._name} about {len(self._keys)} pictures{left}"
        return {"choices": text, "choices_unmatched": "share of answers that fit no option; they count as wrong"}

    def details(self) -> Mapping[str, Any]:
        """Numbers of scored questions, open questions, and questions about several pictures."""
        return {"choices": {"questions": len(self._rows), "open": self._open, "several_images": self._several}}


def matched(text: str, item: QuestionItem) -> frozenset[str]:
    """The options that an answer names; empty if it names none.

    If the prompt asks for letters, the answer may start with them: ``B``, ``(B) blond``, ``A, C``. Otherwise the answer
    is searched for the text of each option, longest first, so that "not visible" does not match "visible". If several
    options match but the question has only one correct option, *Information not visible* has priority. Without it, a
    yes/no question takes the first match, and other questions take none.

    Args:
        text: The answer.
        item: The question.
    """
    said = " ".join(text.split())
    if item.lettered:
        found = re.match(r"\(?[A-Z]\)?(?=$|[\s.:,;)])(?:[\s,;]*(?:and )?\(?[A-Z]\)?(?=$|[\s.:,;)]))*", said)
        named = re.findall(r"[A-Z]", found[0]) if found else []
        options = [item.options[n] for n in map(LETTERS.index, named) if n < len(item.options)]
        if options and len(options) == len(named):
            return frozenset(options)
    rest, options = said.casefold(), []
    for option in sorted(item.options, key=len, reverse=True):
        words = re.compile(rf"(?<!\w){re.escape(option.casefold())}(?!\w)")
        if words.search(rest):
            options.append(option)
            rest = words.sub(" ", rest)
    if item.kind == "multiple" or len(options) <= 1:
        return frozenset(options)
    if NOT_VISIBLE in options:
        return frozenset({NOT_VISIBLE})
    first = min(options, key=lambda option: said.casefold().find(option.casefold()))
    return frozenset({first}) if item.kind == "yes_no" else frozenset()
