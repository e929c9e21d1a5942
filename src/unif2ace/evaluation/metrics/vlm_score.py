"""Match of generated faces with their prompts, scored by a vision-language model."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from unif2ace.evaluation.graders.base import GradeItem
from unif2ace.evaluation.graders.metric import GradedMetric

if TYPE_CHECKING:
    from torch import Tensor

    from unif2ace.evaluation.eval_set import EvalSet
    from unif2ace.evaluation.outputs import Outputs


class VLMScoreMetric(GradedMetric):
    """VLM-score: a grader scores how well each generated face matches its prompt, 0 to 100."""

    name, sees = "vlm_score", True
    needs = frozenset({"generated"})

    def items(self, eval_set: EvalSet, outputs: Outputs) -> Sequence[tuple[int, GradeItem]]:
        """One item per prompt, with the first generated face."""

        def item(number: int) -> GradeItem:
            key, prompt = eval_set.keys[number], eval_set.prompts[number]
            return GradeItem(key, {"prompt": prompt}, _png(outputs.generated(key, prompt=prompt)))

        return [(number, item(number)) for number in range(len(eval_set))]


def _png(image: Tensor) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(image.permute(1, 2, 0).numpy()).save(file, "PNG")
    return file.getvalue()
