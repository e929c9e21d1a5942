"""Captions of the true faces, scored by the attributes that they state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from unif2ace.evaluation.labels import labels_of
from unif2ace.evaluation.metrics.base import OutputMetric, interval
from unif2ace.language.reading import ParsedCaption, holds, read_text

if TYPE_CHECKING:
    from torch import Tensor

    from unif2ace.evaluation.eval_set import EvalSet
    from unif2ace.evaluation.outputs import Outputs
    from unif2ace.metrics.scores import CaptionScore, Score


class CaptionsMetric(OutputMetric):
    """F1 of the labels that captions state, and statistics of all their statements; see `caption_scores`.

    Attributes:
        found: Scores of the labels.
        captions: The captions.
        readings: The captions, parsed.
        false: The false statements of each caption, as (field, value).
    """

    needs = frozenset({"captions"})
    found: CaptionScore
    captions: tuple[str, ...]
    readings: tuple[ParsedCaption, ...]
    false: tuple[tuple[tuple[str, Any], ...], ...]

    def update(self, eval_set: EvalSet, outputs: Outputs) -> None:
        """Parses the captions, and compares their statements with the records."""
        from unif2ace.metrics.scores import caption_scores

        self._eval_set = eval_set
        self.captions = tuple(outputs.caption(key) for key in eval_set.keys)
        self.readings = tuple(map(read_text, self.captions))
        self._truths = [
            [holds(said, record) for said in reading.statements]
            for reading, record in zip(self.readings, eval_set.records, strict=True)
        ]
        self.false = tuple(
            tuple(said for said, truth in zip(reading.statements, truths, strict=True) if truth is False)
            for reading, truths in zip(self.readings, self._truths, strict=True)
        )
        own = labels_of([read_text(caption) for caption in eval_set.captions])
        how: dict[str, Any] = {"resamples": self.setting.resamples, "seed": self.setting.seed}
        self.found = caption_scores(labels_of(self.readings) == 1, own == 1, eval_set.true, **how)

    def compute(self) -> Mapping[str, Score]:
        """``captions`` (normalised F1), ``caption_f1`` with its references, and statistics of statements and words."""
        from unif2ace.metrics.scores import Score, distinct

        one, size = self.found, len(self._eval_set)
        beside = {
            "caption_f1_shuffled": one.f1_shuffled,
            "caption_f1_reference": one.f1_reference,
            "caption_precision": one.precision,
            "caption_recall": one.recall,
        }
        words = {f"caption_distinct_{n}": Score(distinct(self.captions, n), samples=size) for n in (1, 2)}
        return {
            "captions": one.normalised,
            "caption_f1": one.f1,
            **{name: Score(value, samples=size) for name, value in beside.items()},
            **self._statements(),
            **words,
            "caption_words": self._mean([len(caption.split()) for caption in self.captions]),
        }

    def _statements(self) -> dict[str, Score]:
        true, false, open_ = ([truths.count(value) for truths in self._truths] for value in (True, False, None))
        checked = [one + other for one, other in zip(true, false, strict=True)]
        readings = self.readings
        unparsed, sentences = [one.unparsed for one in readings], [one.sentences for one in readings]
        unread, words = [len(one.unread) for one in readings], [one.words for one in readings]
        return {
            "caption_false": self._mean(false),
            "caption_false_share": self._mean(false, checked),
            "caption_unverifiable": self._mean(open_),
            "caption_unparsed": self._mean(unparsed, sentences),
            "caption_unread_words": self._mean(unread, words),
        }

    def _mean(self, numbers: Sequence[int], of: Sequence[int] | None = None) -> Score:
        """sum(numbers) / sum(of), or the mean per caption if `of` is None; 0 if the denominator is 0."""
        import torch

        from unif2ace.metrics.scores import bootstrap

        sums_S2 = torch.tensor([numbers, of or [1] * len(numbers)], dtype=torch.float64).T

        def ratio(sums_R2: Tensor) -> Tensor:
            return sums_R2[:, 0] / sums_R2[:, 1].clamp(min=1)

        return bootstrap(sums_S2, ratio, self.setting.resamples, self.setting.seed)

    def samples(self) -> Mapping[str, Mapping[str, float]]:
        """Number of false statements of each caption."""
        return {"caption_false": dict(zip(self._eval_set.keys, (float(len(f)) for f in self.false), strict=True))}

    def describe(self) -> Mapping[str, str]:
        """Number of captions and attributes, and statistics of the data set's captions for comparison."""
        from unif2ace.metrics.scores import distinct, mean_words

        own, one = self._eval_set.captions, self.found
        where = f"{len(own)} faces of {self._eval_set.split}; 0 other faces, 1 the data set's captions"
        return {
            "captions": f"{interval(one.normalised)}; {where}",
            "caption_f1": f"{interval(one.f1)}; {one.by_label.shape[1]} attributes, pooled",
            "caption_false": "false statements per caption, all fields",
            "caption_false_share": "of the statements that can be checked",
            "caption_unverifiable": "per caption: of what is not visible or not labelled",
            "caption_unparsed": "share of sentences with words that nothing is known of",
            "caption_distinct_1": f"{distinct(own, 1):.3f} in the data set's",
            "caption_distinct_2": f"{distinct(own, 2):.3f} in the data set's",
            "caption_words": f"{mean_words(own):.1f} in the data set's",
        }
