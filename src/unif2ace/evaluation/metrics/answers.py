"""Accuracy of answers, by kind of question."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from unif2ace.evaluation.metrics.base import OutputMetric, cell, interval
from unif2ace.language.question import Question
from unif2ace.language.replies import Reply, options, read_answer

if TYPE_CHECKING:
    from rich.table import Table

    from unif2ace.evaluation.eval_set import EvalSet
    from unif2ace.evaluation.outputs import Outputs
    from unif2ace.metrics.scores import AnswerScore, Score

KINDS = {"yes_no": "yes or no", "which": "which", "what": "what", "count": "how many", "all": "all kinds"}
"""Display names of the kinds of questions."""


class ScoredAnswer(NamedTuple):
    """A question with a system's answer.

    Attributes:
        sample: Index of the face.
        question: The question, with its true answer.
        said: The system's answer.
        right: Whether the answer is correct.
    """

    sample: int
    question: Question
    said: str
    right: bool


class AnswersMetric(OutputMetric):
    """Accuracy of answers, normalised so that a model that ignores the face scores 0; see `answer_scores`.

    Attributes:
        found: Scores by kind of question, and ``all`` for all kinds; empty if no question can be scored.
        answered: The questions, with the system's answers.
    """

    needs = frozenset({"answers"})
    uses = frozenset({"unseen"})
    found: Mapping[str, AnswerScore]
    answered: tuple[ScoredAnswer, ...]

    def update(self, eval_set: EvalSet, outputs: Outputs) -> None:
        """Compares each answer with the true answer, and for the floor also the answer about another face."""
        from unif2ace.metrics.scores import answer_scores
        from unif2ace.metrics.scores.answers import Asked

        self._eval_set, self._unseen = eval_set, not outputs.missing("unseen", eval_set)
        rows: list[Asked] = []
        answered: list[ScoredAnswer] = []
        for number, question in eval_set.questions:
            truth: Reply = read_answer(question, question.answer)
            if truth.value is None:
                continue  # the true answer cannot be parsed
            said = outputs.answer(eval_set.keys[number], question.question)
            right, blind = read_answer(question, said).agrees(truth), False
            if self._unseen:
                unseen = outputs.answer(eval_set.other_keys[number], question.question)
                blind = read_answer(question, unseen).agrees(truth)
            chance = 1 / len(offered) if (offered := options(question)) else 0.0
            rows.append(Asked(number, question.kind, str(question.attribute), truth.value, right, blind, chance))
            answered.append(ScoredAnswer(number, question, said, right))
        self.answered = tuple(answered)
        self.found = answer_scores(rows, resamples=self.setting.resamples, seed=self.setting.seed)

    def compute(self) -> Mapping[str, Score]:
        """``answers`` for all kinds, ``answers_KIND``, and ``answers_raw`` and ``answers_floor`` for all kinds."""
        from unif2ace.metrics.scores import Score

        both, size = self.found.get("all"), len(self._eval_set)
        if not both:
            return {}
        kinds = {name_of(kind): one.normalised for kind, one in self.found.items()}
        beside = {"answers_raw": Score(both.raw, samples=size), "answers_floor": Score(both.floor, samples=size)}
        return {"answers": both.normalised, **kinds, **beside}

    def describe(self) -> Mapping[str, str]:
        """Number of questions of each kind."""
        texts = {name_of(kind): f"{interval(one.normalised)}; {self._asked(one)}" for kind, one in self.found.items()}
        if not self.found:
            return {}
        floor = "constant, chance or other faces, the best"
        floor = floor if self._unseen else "constant or chance, the best; no answers about other faces were given"
        return {**texts, "answers_raw": "balanced over answers", "answers_floor": floor}

    def conditions(self) -> Mapping[str, Any]:
        """Whether the floor includes answers about other faces."""
        return {"floor_of_other_faces": self._unseen}

    def samples(self) -> Mapping[str, Mapping[str, float]]:
        """Fraction of correct answers for each face."""
        right: dict[str, list[bool]] = {}
        for one in self.answered:
            right.setdefault(self._eval_set.keys[one.sample], []).append(one.right)
        return {"answers": {key: sum(some) / len(some) for key, some in right.items()}}

    def details(self) -> Mapping[str, Any]:
        """Accuracy and baselines of each kind."""
        return {
            "questions": {
                kind: {
                    **{what: getattr(one, what) for what in ("raw", "floor", "majority", "chance", "unseen")},
                    **{what: getattr(one, what) for what in ("questions", "left_out")},
                    "attributes": {name: list(numbers) for name, numbers in one.cells.items()},
                }
                for kind, one in self.found.items()
                if kind != "all"
            }
        }

    def table(self) -> Mapping[str, Table]:
        """A row for each kind of question."""
        from rich.table import Column, Table

        columns = ("score", "right", "floor", "constant", "options", "shuffled", "asked")
        kinds = Table("questions", *(Column(name, justify="right") for name in columns))
        for kind, one in self.found.items():
            numbers = (one.normalised.value, one.raw, one.floor, one.majority, one.chance, one.unseen)
            kinds.add_row(KINDS.get(kind, kind), *map(cell, numbers), str(one.questions))
        return {"questions": kinds}

    def _asked(self, one: AnswerScore) -> str:
        left = f", {one.left_out} left out (one answer)" if one.left_out else ""
        unscored = f", {self._eval_set.unscored} of other kinds" if one is self.found["all"] else ""
        return f"{one.questions} questions on {len(self._eval_set)} faces of {self._eval_set.split}{left}{unscored}"


def name_of(kind: str) -> str:
    """Name of the result for a kind of questions, such as ``answers_which``."""
    return "answers" if kind == "all" else f"answers_{kind}"
