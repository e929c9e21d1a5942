"""The evaluator's predictions for a system's pictures, computed once for all metrics.

Shapes: S samples, F generated faces, A labels, D features.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from unif2ace.evaluation.eval_set import EvalSet
    from unif2ace.evaluation.evaluator import Evaluator
    from unif2ace.evaluation.outputs import Outputs

Face = tuple[str, int]
"""A generated face: (key of the sample, number), as in `Outputs.generated`."""


class Predictions:
    """Labels and features of generated, true and reconstructed faces.

    Args:
        evaluator: The evaluator.
        eval_set: The evaluation set.
        outputs: Outputs with generated faces.

    Attributes:
        images: uint8 (F, 3, H, W), all generated faces, resized to the size of the true faces.
    """

    def __init__(self, evaluator: Evaluator, eval_set: EvalSet, outputs: Outputs) -> None:
        import torch

        faces = [(key, 0) for key in eval_set.keys] + [
            (key, number) for key in eval_set.keys for number in range(1, outputs.number_generated(key))
        ]
        self.images = outputs.generated_images(eval_set)
        if again := faces[len(eval_set) :]:
            size = tuple(self.images.shape[2:])
            self.images = torch.cat([self.images, torch.stack([outputs.generated(*f, size=size) for f in again])])
        self._rows = {face: row for row, face in enumerate(faces)}
        self._seen, self._features = evaluator.sees(self.images)
        self._place = {key: row for row, key in enumerate(eval_set.keys)}
        self._real = evaluator.sees(eval_set.images)[0]
        whole = not outputs.missing("reconstructed", eval_set)
        self._back = evaluator.sees(outputs.reconstructed_images(eval_set))[0] if whole else None

    def rows(self, faces: Sequence[Face]) -> list[int]:
        """Indices of generated faces in `images`."""
        return [self._rows[face] for face in faces]

    def features(self, faces: Sequence[Face]) -> Tensor:
        """Features of generated faces, float (F, D)."""
        return self._features[self.rows(faces)]

    def generated(self, keys: Sequence[str]) -> Tensor:
        """Labels of the first face of each prompt, bool (S, A)."""
        return self._seen[self.rows([(key, 0) for key in keys])]

    def real(self, keys: Sequence[str]) -> Tensor:
        """Labels of the true faces, bool (S, A)."""
        return self._real[[self._place[key] for key in keys]]

    def reconstructed(self, keys: Sequence[str]) -> Tensor | None:
        """Labels of the reconstructions, bool (S, A); None if the system has none."""
        return None if self._back is None else self._back[[self._place[key] for key in keys]]


def predictions(evaluator: Evaluator | None, eval_set: EvalSet, outputs: Outputs) -> Predictions:
    """The evaluator's predictions for outputs, computed by the first call.

    Later calls may pass a subset of the first call's evaluation set.
    """
    assert evaluator is not None, "a metric that reads predictions has 'evaluator' in its needs"
    return outputs.shared(("predictions", evaluator.fingerprint), lambda: Predictions(evaluator, eval_set, outputs))
