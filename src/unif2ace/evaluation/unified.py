"""The scores of a unified model as an evaluation: what is printed, and what is written down beside it."""

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

    from unif2ace.engine.weights import Weights
    from unif2ace.evaluation.evaluator import Evaluator
    from unif2ace.evaluation.scores import UnifiedScores
    from unif2ace.inference.pipeline import FacePipeline


class Sampled:
    """A model with the way in which its faces are drawn.

    Args:
        model: What is scored.
        how: How faces are drawn: ``sampler``, ``guidance``, ``best_of``, as `FacePipeline.generate` takes them.
    """

    def __init__(self, model: FacePipeline, **how: Any) -> None:
        self._model, self._how = model, how

    def generate(self, prompts: Sequence[str], seeds: Sequence[int]) -> Tensor:
        """A face from each description, uint8 (B, 3, H, W)."""
        return self._model.generate(prompts, seeds, **self._how)

    def caption(self, images: Tensor) -> list[str]:
        """A description of each picture."""
        return self._model.caption(images)

    def ask(self, images: Tensor, questions: Sequence[str]) -> list[str]:
        """An answer to a question about each picture."""
        return self._model.ask(images, questions)

    def reconstruct(self, images: Tensor) -> Tensor:
        """What comes back of each picture through the tokenizer."""
        return self._model.reconstruct(images)


def evaluation_of(found: UnifiedScores, weights: Weights, out: Path) -> Evaluation:
    """The values and tables to show and to write.

    Args:
        found: What was measured.
        weights: Of the transformer.
        out: Folder for results.
    """
    values = {name: value if math.isfinite(value) else None for name, value in found.values.items()}
    count = len(found.eval_set)
    return Evaluation(weights, out, count, values, dict(found.described), dict(tables(found)))


def provenance_of(found: UnifiedScores, evaluator: Evaluator) -> dict[str, Any]:
    """What the scores were made with, and their intervals, as plain values.

    Args:
        found: What was measured.
        evaluator: Whole fingerprint and all.
    """
    scores = {
        "agreement": found.agreement.normalised,
        "agreement_raw": found.agreement.raw,
        **{"answers" if k == "all" else f"answers_{k}": one.normalised for k, one in found.answers.items()},
    }
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
    }
