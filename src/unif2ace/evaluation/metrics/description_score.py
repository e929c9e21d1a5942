"""Quality of captions compared with the data set's captions, scored by a grader."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from unif2ace.evaluation.graders.base import GradeItem
from unif2ace.evaluation.graders.facts import known_attributes
from unif2ace.evaluation.graders.metric import GradedMetric

if TYPE_CHECKING:
    from unif2ace.evaluation.eval_set import EvalSet
    from unif2ace.evaluation.outputs import Outputs


class DescriptionScoreMetric(GradedMetric):
    """Desc: a grader that knows the attributes scores each caption and the data set's caption from 1 to 10."""

    name = "description_score"
    needs = frozenset({"captions"})

    def items(self, eval_set: EvalSet, outputs: Outputs) -> Sequence[tuple[int, GradeItem]]:
        """One item per true face, with the system's caption."""

        def item(number: int) -> GradeItem:
            key, record = eval_set.keys[number], eval_set.records[number]
            fields = {
                "attributes": known_attributes(record),
                "reference": eval_set.captions[number],
                "answer": outputs.caption(key),
            }
            return GradeItem(key, fields, record=record)

        return [(number, item(number)) for number in range(len(eval_set))]
