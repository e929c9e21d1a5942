"""Diversity of the faces of one prompt. Shapes: P prompts, K faces each, D dimensions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from unif2ace.engine.fingerprint import SHOWN
from unif2ace.evaluation.metrics.base import OutputMetric
from unif2ace.evaluation.predictions import predictions

if TYPE_CHECKING:
    from unif2ace.evaluation.eval_set import EvalSet
    from unif2ace.evaluation.outputs import Outputs
    from unif2ace.metrics.scores import Score


class DiversityMetric(OutputMetric):
    """(mean distance of faces of one prompt) / (mean distance of faces of different prompts); see `diversity`.

    Only the prompts with the largest number of faces count. The values are NaN if these are fewer than two prompts, or
    if each has a single face.
    """

    needs = frozenset({"generated", "evaluator"})
    uses = frozenset({"diverse"})

    def update(self, eval_set: EvalSet, outputs: Outputs) -> None:
        """Measures distances between pixels, and between features of the evaluator."""
        from unif2ace.metrics.scores import Score, diversity_score

        number = {key: outputs.number_generated(key) for key in eval_set.keys}
        most = max(number.values())
        keys = [key for key, count in number.items() if count == most]
        self._prompts, self._faces = len(keys), most
        if most < 2 or len(keys) < 2:  # a small subgroup
            self._values = {name: Score(float("nan")) for name in ("diversity_pixels", "diversity_features")}
            return
        found = predictions(self.setting.evaluator, eval_set, outputs)
        faces = [(key, k) for key in keys for k in range(most)]
        shape = (len(keys), most, -1)
        pixels = found.images[found.rows(faces)].reshape(shape).float() / 255
        features = found.features(faces).reshape(shape)
        how: dict[str, Any] = {"resamples": self.setting.resamples, "seed": self.setting.seed}
        self._values = {
            "diversity_pixels": diversity_score(pixels, **how),
            "diversity_features": diversity_score(features, **how),
        }

    def compute(self) -> Mapping[str, Score]:
        """``diversity_pixels`` and ``diversity_features``: 0 if a prompt always gives the same face."""
        return self._values

    def describe(self) -> Mapping[str, str]:
        """Number of prompts and of faces per prompt, and the evaluator."""
        assert self.setting.evaluator is not None
        return {
            "diversity_pixels": f"within over between prompts; {self._prompts} prompts, {self._faces} faces each",
            "diversity_features": f"the same, features of evaluator {self.setting.evaluator.fingerprint[:SHOWN]}",
        }

    def conditions(self) -> Mapping[str, Any]:
        """The evaluator, and the numbers of prompts and of faces per prompt."""
        assert self.setting.evaluator is not None
        return {
            "evaluator": self.setting.evaluator.fingerprint,
            "prompts": self._prompts,
            "faces_per_prompt": self._faces,
        }
