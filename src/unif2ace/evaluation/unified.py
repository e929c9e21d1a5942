"""The scores of a unified model as an `Evaluation`: what is printed and written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unif2ace.evaluation.evaluation import Evaluation
from unif2ace.evaluation.values import attribute_rows, tables

if TYPE_CHECKING:
    from torch import Tensor

    from unif2ace.diffusion.samplers.base import Sampler
    from unif2ace.engine.weights import Weights
    from unif2ace.evaluation.evaluator import Evaluator
    from unif2ace.evaluation.unified_scores import UnifiedScores
    from unif2ace.inference.unified_model import UnifiedModel


class Sampled:
    """A model with its sampling options, as `Scored`.

    Args:
        model: The model to score.
        sampler: As in `UnifiedModel.generate`.
        guidance: As in `UnifiedModel.generate`.
        best_of: As in `UnifiedModel.generate`.
    """

    def __init__(
        self, model: UnifiedModel, *, sampler: Sampler | None = None, guidance: float = 2.0, best_of: int = 1
    ) -> None:
        self._model, self._sampler = model, sampler
        self._guidance, self._best_of = guidance, best_of

    @property
    def image_size(self) -> int:
        """Side of the model's images in pixels."""
        return self._model.image_size

    def generate(self, prompts: Sequence[str], seeds: Sequence[int]) -> Tensor:
        """Faces from captions, uint8 (B, 3, H, W)."""
        how: dict[str, Any] = {"guidance": self._guidance, "best_of": self._best_of}
        return self._model.generate(prompts, seeds, sampler=self._sampler, **how)

    def caption(self, images: Tensor) -> list[str]:
        """A caption for each image, uint8 (B, 3, H, W)."""
        return self._model.caption(images)

    def ask(self, images: Tensor, questions: Sequence[str], *, max_new: int = 64) -> list[str]:
        """An answer of at most `max_new` tokens to a question about each image, uint8 (B, 3, H, W)."""
        return self._model.ask(images, questions, max_new=max_new)

    def reconstruct(self, images: Tensor) -> Tensor:
        """The tokenizer's reconstruction of each image, uint8 (B, 3, H, W)."""
        return self._model.reconstruct(images)


def evaluation_of(found: UnifiedScores, weights: Weights, out: Path) -> Evaluation:
    """The values and tables to print and to write.

    Args:
        found: Scores of the model.
        weights: Weights of the transformer.
        out: Output folder.
    """
    values = {name: value if math.isfinite(value) else None for name, value in found.values.items()}
    count = len(found.eval_set)
    return Evaluation(weights, out, count, values, dict(found.described), dict(tables(found)))


def provenance_of(found: UnifiedScores, evaluator: Evaluator) -> dict[str, Any]:
    """Options, confidence intervals and detailed scores as plain values.

    Args:
        found: Scores of the model.
        evaluator: The evaluator that was used.
    """
    scores = {
        "agreement": found.agreement.normalised,
        "agreement_raw": found.agreement.raw,
        **{"answers" if k == "all" else f"answers_{k}": one.normalised for k, one in found.answers.items()},
    }
    if words := found.paraphrases:
        scores |= {"paraphrases": words.normalised, "paraphrases_untrained": words.untrained}
        scores |= {"paraphrases_plain": words.plain, "paraphrases_topic": words.topic, "paraphrases_same": words.same}
    if found.captioning:
        scores |= {"captions": found.captioning.normalised, "caption_f1": found.captioning.f1}
    names = ("score", "raw", "floor", "ceiling", "reconstructed")
    return {
        "evaluator": {"kind": "attributes", "fingerprint": evaluator.fingerprint},
        "options": asdict(found.options),
        "intervals": {name: [one.low, one.high] for name, one in scores.items() if math.isfinite(one.low)},
        "attributes": {
            name: {
                **{what: x if math.isfinite(x) else None for what, x in zip(names, numbers, strict=True)},
                "stated": stated,
                "denied": denied,
            }
            for name, numbers, (stated, denied) in attribute_rows(found)
        },
        "questions": {
            kind: {
                **{what: getattr(one, what) for what in ("raw", "floor", "majority", "chance", "unseen")},
                **{what: getattr(one, what) for what in ("questions", "left_out")},
                "attributes": {name: list(numbers) for name, numbers in one.cells.items()},
            }
            for kind, one in found.answers.items()
            if kind != "all"
        },
        "paraphrases": found.paraphrases and {name: list(n) for name, n in found.paraphrases.attributes.items()},
    }
