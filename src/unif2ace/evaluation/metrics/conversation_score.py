"""Quality of answers compared with the true answers, scored by a grader."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from unif2ace.evaluation.graders.base import GradeItem
from unif2ace.evaluation.graders.facts import known_attributes
from unif2ace.evaluation.graders.metric import GradedMetric

if TYPE_CHECKING:
    from unif2ace.evaluation.eval_set import EvalSet
    from unif2ace.evaluation.outputs import Outputs
    from unif2ace.language.question import Question


class ConversationScoreMetric(GradedMetric):
    """Conv: a grader that knows the attributes scores each answer and the true answer from 1 to 10."""

    name = "conversation_score"
    needs = frozenset({"answers"})

    def items(self, eval_set: EvalSet, outputs: Outputs) -> Sequence[tuple[int, GradeItem]]:
        """One item per question, with the system's answer."""

        def item(number: int, question: Question) -> GradeItem:
            key, record = eval_set.keys[number], eval_set.records[number]
            fields = {
                "attributes": known_attributes(record),
                "question": question.question,
                "reference": question.answer,
                "answer": outputs.answer(key, question.question),
            }
            return GradeItem(f"{key}: {question.question}", fields, record=record, question=question)

        return [(number, item(number, question)) for number, question in eval_set.questions]
