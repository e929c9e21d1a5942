"""Attribute recognition, per attribute and on average. Shapes: N images, A attributes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.table import Column, Table
from torch import Tensor
from torchmetrics.functional.classification import binary_average_precision, binary_f1_score

from unif2ace.errors import ConfigError, nearest
from unif2ace.metrics.base import StepMetric
from unif2ace.metrics.calibration import calibration_error, plot_reliability
from unif2ace.types import StepOutput


@dataclass(frozen=True, slots=True)
class AttributeScore:
    """Scores of one attribute over the images in which it is known.

    Attributes:
        average_precision: Area under the precision-recall curve, 0 to 1.
        f1: Harmonic mean of precision and recall at a probability threshold of 0.5.
        accuracy: Fraction of correct predictions at a probability threshold of 0.5.
        positives: Number of images that show the attribute.
        known: Number of images in which the attribute is known.
    """

    average_precision: float
    f1: float
    accuracy: float
    positives: int
    known: int


class AttributesMetric(StepMetric):
    """Average precision, F1 and accuracy of each attribute, their means, and the overall calibration error.

    Reads logits float (B, A) and labels int8 (B, A). An attribute without positives or without negatives cannot be
    measured; `describe` lists it, and the means leave it out. Labels of -1 (not visible, not labelled) and padding
    samples are ignored.

    Args:
        labels: Names of the A attributes, in the order of the classifier's first A logits.
        families: Family of each attribute, for means per family in the table; None for no families.
        skip: Fraction of the split, its first samples, that is left out because the classifier was calibrated on them;
            in [0, 1).
        subgroups: Labels that define subgroups of images. Mean F1 over the images with and without each label is also
            reported, as ``f1/LABEL`` and ``f1/no_LABEL``.

    Raises:
        ConfigError: If `skip` is not in [0, 1), families and labels differ in number, or a subgroup is not a label.
    """

    kinds = frozenset({"attributes"})
    probabilities: list[Tensor]
    truths: list[Tensor]
    places: list[Tensor]

    def __init__(
        self,
        labels: Sequence[str],
        families: Sequence[str] | None = None,
        skip: float = 0.0,
        subgroups: Sequence[str] = (),
    ) -> None:
        super().__init__()
        for name in subgroups:
            if name not in labels:
                raise ConfigError(f"metric.attributes.subgroups: {name!r} is not a label{nearest(name, labels)}")
        self.subgroups = tuple(subgroups)
        if not 0 <= skip < 1:
            raise ConfigError(f"metric.attributes.skip={skip}: it must be at least 0 and below 1")
        if families is not None and len(families) != len(labels):
            raise ConfigError(
                f"metric.attributes.families has {len(families)} entries: give one for each of {len(labels)} labels"
            )
        self.labels, self.families, self.skip = list(labels), list(families or []), skip
        for name in ("probabilities", "truths", "places"):
            self.add_state(name, default=[], dist_reduce_fx="cat")

    def update(self, step: StepOutput) -> None:
        """Stores a batch's probabilities and labels.

        Raises:
            ConfigError: If the classifier recognises fewer attributes than there are labels.
        """
        logits, labels = step.attribute_logits, step.batch.attributes
        assert logits is not None
        assert labels is not None
        valid, count = step.batch.valid, len(self.labels)
        if logits.shape[1] < count:
            raise ConfigError(
                f"metric.attributes.labels has {count} names, but the classifier recognises {logits.shape[1]} "
                "attributes; set labels=${attribute_labels:} and families=${attribute_families:}"
            )
        self.probabilities.append(logits.detach()[valid, :count].float().sigmoid())
        self.truths.append(labels[valid, :count])
        self.places.append(step.batch.index[valid])

    def compute(self) -> Mapping[str, Tensor]:
        """Means over measurable attributes, and the calibration error over known labels (N, A); float () each."""
        scores = self.scores().values()
        means = {
            name: torch.tensor([getattr(score, key) for score in scores], dtype=torch.float32).mean()
            for name, key in (("f1", "f1"), ("average_precision", "average_precision"), ("accuracy", "accuracy"))
        }
        p_NA, y_NA = self._kept()
        known = y_NA >= 0
        groups = {f"f1/{name}": torch.tensor([s.f1 for s in found.values()]).mean() for name, found in self.groups()}
        return means | {"calibration_error": calibration_error(p_NA[known], y_NA[known])} | groups

    def groups(self) -> list[tuple[str, dict[str, AttributeScore]]]:
        """Scores of the images with and without each label of `subgroups`, as ``LABEL`` and ``no_LABEL``."""
        p_NA, y_NA = self._kept()
        found = []
        for name in self.subgroups:
            shown_N = y_NA[:, self.labels.index(name)]
            for title, value in ((name, 1), (f"no_{name}", 0)):
                of_group = shown_N == value
                found.append((title, self._scores(p_NA[of_group], y_NA[of_group])))
        return [(title, scores) for title, scores in found if scores]

    def scores(self) -> dict[str, AttributeScore]:
        """Scores by attribute name, for attributes that have both positives and negatives."""
        return self._scores(*self._kept())

    def _scores(self, p_NA: Tensor, y_NA: Tensor) -> dict[str, AttributeScore]:
        found: dict[str, AttributeScore] = {}
        for place, name in enumerate(self.labels):
            known = y_NA[:, place] >= 0
            p, y = p_NA[known, place], y_NA[known, place].int()
            positives = int(y.sum())
            if 0 < positives < len(y):
                found[name] = AttributeScore(
                    float(binary_average_precision(p, y)),
                    float(binary_f1_score(p, y)),
                    float(((p > 0.5) == y.bool()).float().mean()),
                    positives,
                    len(y),
                )
        return found

    def describe(self) -> Mapping[str, str]:
        """The number of attributes in the means, and the names of attributes that are left out."""
        missing = [name for name in self.labels if name not in self.scores()]
        left_out = f"; not measurable here: {', '.join(missing)}" if missing else ""
        text = f"means over {len(self.labels) - len(missing)} attributes, {len(self._kept()[0]):,} pictures{left_out}"
        return {"average_precision": text, "f1": "decided at probability 0.5"}

    def table(self) -> Table:
        """A table with a row for each attribute, the lowest average precision first, and for each family."""
        right = [Column(name, justify="right") for name in ("AP", "F1", "accuracy", "positives", "known")]
        table = Table("attribute", "family", *right)
        scores = self.scores()
        family = dict(zip(self.labels, self.families or [""] * len(self.labels), strict=True))
        for name, s in sorted(scores.items(), key=lambda item: item[1].average_precision):
            table.add_row(name, family[name], *_cells(s), f"{s.positives:,}", f"{s.known:,}")
        for each in dict.fromkeys(f for f in self.families):
            of_family = [s for name, s in scores.items() if family[name] == each]
            if of_family:
                table.add_section()
                means = (sum(v) / len(of_family) for v in zip(*map(_values, of_family), strict=True))
                table.add_row(f"mean of {len(of_family)}", each, *(f"{mean:.3f}" for mean in means))
        for title, of_group in self.groups():
            table.add_section()
            means = (sum(v) / len(of_group) for v in zip(*map(_values, of_group.values()), strict=True))
            table.add_row(f"mean of {len(of_group)}", f"faces: {title}", *(f"{mean:.3f}" for mean in means))
        return table

    def plot(self, path: Path) -> None:
        """Plots each attribute's average precision and F1, and the reliability of the probabilities."""
        p_NA, y_NA = self._kept()
        known = y_NA >= 0
        bars = {name: (s.average_precision, s.f1) for name, s in self.scores().items()}
        plot_reliability(path, bars, p_NA[known], y_NA[known])

    def _kept(self) -> tuple[Tensor, Tensor]:
        """Probabilities float (N, A) and labels int8 (N, A), in the split's order, without the samples of `skip`."""
        p_NA, y_NA, place_N = (_joined(x) for x in (self.probabilities, self.truths, self.places))
        order = place_N.argsort()[round(self.skip * len(place_N)) :]
        return p_NA[order], y_NA[order]


def _values(score: AttributeScore) -> tuple[float, float, float]:
    return score.average_precision, score.f1, score.accuracy


def _cells(score: AttributeScore) -> list[str]:
    return [f"{value:.3f}" for value in _values(score)]


def _joined(parts: list[Tensor] | Tensor) -> Tensor:
    return parts if isinstance(parts, Tensor) else torch.cat(parts)  # torchmetrics joins when it gathers from ranks
