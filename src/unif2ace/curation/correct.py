"""The step `correct`: a classifier's confident predictions contradict, confirm or complete captions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from unif2ace.attributes import AttributeRecord
from unif2ace.curation.asking import expected_usage, seed_of
from unif2ace.curation.caption_editors import CaptionEditor, ModelEditor
from unif2ace.curation.classifier import FaceClassifier, Seen, seen_values
from unif2ace.curation.corrections import Correction, Thresholds, find_corrections
from unif2ace.curation.step import Step, StepResult, StepUsage, with_metadata
from unif2ace.data.shards import Sample
from unif2ace.errors import DataError
from unif2ace.language.caption_parser import CaptionParser
from unif2ace.language.facts import Value
from unif2ace.language.rewriting import consistent

CORRECTED = "corrected"
_CHANGES = ("contradicted", "added", "dependent")


class Correct(Step[Sample]):
    """Corrects all captions of each sample. Statements are added to the main caption only.

    The sample's provenance lists every change: attribute, value before, value after, and reason. Values that the
    corrected caption and the classifier agree on fill unknown attributes of the sample. Known attributes stay.

    Args:
        classifier: An attribute classifier with calibrated probabilities.
        editor: Rewrites captions.
        parser: Reads captions.
        thresholds: Smallest probabilities for a contradiction, a confirmation and an addition.
        fill: Whether agreed values fill unknown attributes.
        seed: Seed for the choice of phrasings.
    """

    name = "correct"

    def __init__(
        self,
        classifier: FaceClassifier,
        editor: CaptionEditor,
        parser: CaptionParser,
        thresholds: Thresholds,
        *,
        fill: bool = True,
        seed: int = 0,
    ) -> None:
        self._classifier, self._editor, self._parser = classifier, editor, parser
        self._thresholds, self._fill, self._seed = thresholds, fill, seed
        self.concurrency = editor.concurrency
        self.batch_size = 64 if editor.concurrency == 1 else 1  # a kill loses only the requests in flight

    def describe(self) -> dict[str, Any]:
        """The classifier, the parser, the editor, the thresholds, `fill` and the seed."""
        made = self._thresholds
        limits = {"contradict": made.contradict, "confirm": made.confirm, "add": made.add, "most": made.most_added}
        return {
            "classifier": self._classifier.describe(),
            "parser": self._parser.describe(),
            "editor": self._editor.describe(),
            "thresholds": limits,
            "fill": self._fill,
            "seed": self._seed,
        }

    def run(self, item: Sample) -> StepResult:
        """The result for one sample."""
        return self.run_batch([item])[0]

    def run_batch(self, items: Sequence[Sample]) -> list[StepResult]:
        """The samples with corrected captions. A sample without a caption is left out.

        Raises:
            SampleFault: If a picture cannot be read.
            DataError: If the editor's endpoint gives no answer.
        """
        return [self._corrected(item, seen) for item, seen in zip(items, self._seen(items), strict=True)]

    def estimate(self, samples: int, first: Sequence[Sample]) -> tuple[StepUsage, tuple[str, ...]]:
        """Extrapolates the requests of the first samples. The grammar needs no requests."""
        if not isinstance(self._editor, ModelEditor) or not first:
            return StepUsage(), ()
        requests = []
        for item, seen in zip(first, self._seen(first), strict=True):
            for text, found in self._found(item, seen):
                if changes := _changes(found):
                    requests.append(self._editor.request(item.key, text, changes))
        number = samples * len(requests) / len(first)
        usage = expected_usage(requests, number, 200, self._editor.prices)
        return usage, (f"{len(requests)} captions of the first {len(first)} samples would be rewritten",)

    def _seen(self, items: Sequence[Sample]) -> list[Seen]:
        rows = self._classifier.probabilities([item.pixels() for item in items])
        return [seen_values(self._classifier.names, row) for row in rows.tolist()]

    def _found(self, item: Sample, seen: Seen) -> list[tuple[str, list[Correction]]]:
        """Pairs (caption, corrections), the main caption first."""
        captions, found = [item.metadata.caption, *item.metadata.captions], []
        for place, text in enumerate(text for text in captions if text):
            limits = self._thresholds if place == 0 else replace(self._thresholds, add=None)
            statements = self._parser.parse(text)
            found.append((text, find_corrections(statements, seen, limits, item.metadata.record)))
        return found

    def _corrected(self, item: Sample, seen: Seen) -> StepResult:
        found = self._found(item, seen)
        if not found:
            return StepResult.refused("no_caption", "the sample has no caption; run `unif2ace-data caption` first")
        texts, usage, noted = list[str](), StepUsage(), list[dict[str, Any]]()
        for place, (text, corrections) in enumerate(found):
            changes = _changes(corrections)
            if not changes:
                texts.append(text)
                continue
            name = f"{item.key}/{place}" if place else item.key
            edited = self._editor.edit(name, text, changes, seed_of(self._seed, name))
            texts.append(edited.text)
            usage += edited.usage
            rows = [c.to_json() for c in corrections if c.kind in _CHANGES]
            noted.append({"caption": place, "before": text, "by": edited.by, "changes": [_plain(r) for r in rows]})
        made = {"classifier": self._classifier.describe(), "parser": self._parser.describe()["name"], "edits": noted}
        changed = with_metadata(
            item,
            self.name,
            caption=texts[0],
            captions=tuple(texts[1:]),
            attributes=self._filled(item, found[0][1]),
            provenance={self.name: made},
        )
        notes = {"corrections": [c.to_row() for _, corrections in found for c in corrections]}
        return StepResult((changed,), CORRECTED if noted else "kept", usage=usage, notes=notes)

    def _filled(self, item: Sample, corrections: Sequence[Correction]) -> Any:
        known = item.metadata.attributes
        agreed = {c.attribute: c.after for c in corrections if c.kind in ("confirmed", "contradicted", "added")}
        if not self._fill:
            return known
        before = {name: value for name, value in item.metadata.record.to_json().items() if value is not None}
        try:
            return AttributeRecord(consistent({**before, **{n: v for n, v in agreed.items() if n not in before}}))
        except DataError:  # what is agreed contradicts the labels
            return known


def _changes(corrections: Sequence[Correction]) -> dict[str, Value]:
    return {c.attribute: c.after for c in corrections if c.kind in _CHANGES}


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("kind", "attribute", "before", "after", "why")}
