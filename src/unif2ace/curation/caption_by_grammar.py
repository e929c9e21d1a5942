"""The step `caption` with the grammar: captions from labels or from a classifier's predictions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unif2ace.attributes import AttributeRecord
from unif2ace.curation.asking import seed_of
from unif2ace.curation.classifier import FaceClassifier, confident_values, seen_values
from unif2ace.curation.step import Step, StepResult, with_metadata
from unif2ace.data.shards import Sample
from unif2ace.errors import ConfigError
from unif2ace.language import Style, write_caption
from unif2ace.language.rewriting import consistent


class CaptionByGrammar(Step[Sample]):
    """Writes captions from the labels of each picture, or from a classifier's predictions.

    Args:
        classifier: Predicts the attributes; None uses the sample's labels.
        style: ``dense`` or ``short``.
        confidence: Smallest probability of a prediction that the caption states, in (0.5, 1].
        seed: Seed for the choice of phrasings.

    Raises:
        ConfigError: If the confidence is out of range.
    """

    name = "caption"

    def __init__(
        self, classifier: FaceClassifier | None = None, style: Style = "dense", confidence: float = 0.9, seed: int = 0
    ) -> None:
        if not 0.5 < confidence <= 1:
            raise ConfigError(f"confidence={confidence}: it must be above 0.5 and at most 1")
        self._classifier, self._style, self._confidence, self._seed = classifier, style, confidence, seed
        self.batch_size = 64 if classifier else 1

    def describe(self) -> dict[str, Any]:
        """The source of the attributes, the style and the seed."""
        seen = None
        if self._classifier:
            seen = {**self._classifier.describe(), "confidence": self._confidence}
        return {"by": "grammar", "classifier": seen, "style": self._style, "seed": self._seed}

    def run(self, item: Sample) -> StepResult:
        """The result for one sample."""
        return self.run_batch([item])[0]

    def run_batch(self, items: Sequence[Sample]) -> list[StepResult]:
        """The samples with a new main caption. Their old captions are kept as further captions.

        Raises:
            SampleFault: If a picture cannot be read.
        """
        if self._classifier is None:
            return [self._written(item, item.metadata.record) for item in items]
        rows = self._classifier.probabilities([item.pixels() for item in items])
        seen = [seen_values(self._classifier.names, row) for row in rows.tolist()]
        records = [AttributeRecord(consistent(confident_values(one, self._confidence))) for one in seen]
        return [self._written(item, record) for item, record in zip(items, records, strict=True)]

    def _written(self, item: Sample, record: AttributeRecord) -> StepResult:
        if not any(value is not None for value in record.to_json().values()):
            return StepResult.refused("no_attributes", "the sample has no attributes that a caption could state")
        text = write_caption(record, seed_of(self._seed, item.key), self._style)
        old = [t for t in (item.metadata.caption, *item.metadata.captions) if t]
        made = {"by": "grammar", **(self._classifier.describe() if self._classifier else {"from": "labels"})}
        changed = with_metadata(item, self.name, caption=text, captions=tuple(old), provenance={self.name: made})
        return StepResult((changed,))
