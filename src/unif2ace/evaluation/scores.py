"""Scores a system on a validation split. Its outputs are made or read once, and all metrics use them."""

from __future__ import annotations

import copy
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unif2ace.attributes import TAXONOMY
from unif2ace.errors import ConfigError
from unif2ace.evaluation.corruptions import STRENGTHS, corrupted
from unif2ace.evaluation.eval_set import EvalSet, gather, open_split
from unif2ace.evaluation.making import Maker, eval_set_fields
from unif2ace.evaluation.metrics.agreement import AgreementMetric
from unif2ace.evaluation.metrics.answers import AnswersMetric
from unif2ace.evaluation.metrics.base import OutputMetric, Setting
from unif2ace.evaluation.metrics.captions import CaptionsMetric
from unif2ace.evaluation.metrics.diversity import DiversityMetric
from unif2ace.evaluation.metrics.paraphrases import ParaphrasesMetric
from unif2ace.evaluation.outputs import Need, Outputs
from unif2ace.evaluation.unified_scores import ScoreOptions, UnifiedScores

if TYPE_CHECKING:
    from unif2ace.data.shards import ShardReader
    from unif2ace.evaluation.evaluator import Evaluator
    from unif2ace.evaluation.system import Scored
    from unif2ace.metrics.scores import Score

NO_OUTPUTS: frozenset[Need] = frozenset({"evaluator", "real"})
"""Needs that are not outputs of a system."""
UNDERSTANDING: frozenset[Need] = frozenset({"captions", "answers", "items"})
"""Outputs about the true faces. They change if the faces are corrupted."""


def score(
    model: Scored, evaluator: Evaluator, data: str | Path | Sequence[ShardReader], out: Path, how: ScoreOptions
) -> UnifiedScores:
    """Scores a model by agreement, diversity, answers, paraphrases and captions.

    Args:
        model: The model. Results are deterministic if the model is.
        evaluator: Predicts the labels of generated faces.
        data: A data set's folder, whose ``val`` split is read, or readers of a split.
        out: Folder of the outputs.
        how: Size of the evaluation.

    Raises:
        ConfigError: If an option is out of range, or the images have another size than the model's `image_size`.
        DataError: If the split cannot be read, has no captions, or its images differ in size.
    """
    readers = open_split(data) if isinstance(data, str | Path) else list(data)
    eval_set = choose(readers, how, getattr(model, "image_size", None))
    metrics = {
        "agreement": AgreementMetric(how.at_least),
        "diversity": DiversityMetric(),
        "answers": AnswersMetric(),
        "paraphrases": ParaphrasesMetric(),
        "captions": CaptionsMetric(),
    }
    setting = Setting(how.resamples, how.seed, batch_size=how.batch_size, evaluator=evaluator)
    prepare(metrics, setting)
    manifest = {"system": "model", "eval_set": eval_set_fields(eval_set, how)}
    outputs = Maker(model, eval_set, how, out).make(needs_of(metrics.values()), manifest)
    found = score_outputs(metrics, eval_set, outputs, how)
    for name, changed, there in robust_outputs(model, eval_set, how, outputs, metrics.values()):
        add_robustness(found, name, changed, there, metrics)
    return found


def choose(readers: Sequence[ShardReader], how: ScoreOptions, size: int | None) -> EvalSet:
    """Builds the evaluation set of a split.

    Args:
        readers: Readers of the split.
        how: Size of the evaluation.
        size: Side of the system's images in pixels; None for any size.

    Raises:
        ConfigError: If the split's images have another size than `size`.
        DataError: If the split has too few samples or no captions, or its images differ in size.
    """
    from unif2ace.data.image_sizes import common_size

    found = common_size((str(reader.folder), reader) for reader in readers)
    if found and size and found != (size, size):
        raise ConfigError(
            f"{readers[0].folder} has pictures of {found[0]}x{found[1]} pixels, the model takes {size}x{size}: select "
            f"a data set that was imported with source.size={size}"
        )
    return gather(readers, how.samples, how.num_questions, how.caption, how.seed, how.num_paraphrases)


def prepare(metrics: Mapping[str, OutputMetric], setting: Setting) -> None:
    """Lets every metric load what it needs, before any output is made.

    Raises:
        ConfigError: If weights or a package of a metric are missing.
    """
    for metric in metrics.values():
        metric.prepare(setting)


def needs_of(metrics: Iterable[OutputMetric]) -> set[Need]:
    """The union of all `needs` and `uses` of metrics."""
    return {need for metric in metrics for need in metric.needs | metric.uses}


def check_outputs(outputs: Outputs, eval_set: EvalSet, metrics: Mapping[str, OutputMetric]) -> None:
    """Checks that a folder holds the outputs that metrics need.

    Raises:
        ConfigError: If something is missing; the message names a metric, and the first files or lines.
    """
    for name, metric in metrics.items():
        for need in sorted(metric.needs - NO_OUTPUTS):
            if missing := outputs.missing(need, eval_set):
                shown = ", ".join(missing[:3]) + (", ..." if len(missing) > 3 else "")
                others = ",".join(other for other in metrics if other != name)
                raise ConfigError(
                    f"metric={name} needs {need}, but {outputs.folder} lacks {len(missing)} files or lines: {shown}; "
                    "add them" + (f", or select metric=[{others}]" if others else "")
                )


def check_applies(metrics: Mapping[str, OutputMetric], question_file: bool, subgroups: Sequence[str] = ()) -> None:
    """Checks that the metrics and subgroups fit the data: a question file has no labels, a data set has no items.

    Raises:
        ConfigError: If a metric or `subgroups` does not fit.
    """
    for name, metric in metrics.items():
        if question_file and "items" not in metric.needs:
            raise ConfigError(
                f"metric={name} needs faces with captions and attributes, but question_file=... has none: "
                "select metric=[choices], or remove question_file=..."
            )
        if not question_file and "items" in metric.needs:
            raise ConfigError(f"metric={name} needs a question file: select one, such as question_file=face_bench")
    if question_file and subgroups:
        raise ConfigError(
            f"scores.subgroups={list(subgroups)}: pictures of a question file have no labels; remove scores.subgroups"
        )


def score_outputs(
    metrics: Mapping[str, OutputMetric], eval_set: EvalSet, outputs: Outputs, how: ScoreOptions
) -> UnifiedScores:
    """Scores outputs with prepared metrics, and also computes the main values for each subgroup.

    Raises:
        ConfigError: If the folder lacks outputs that a metric needs, or two metrics give a value of the same name.
        DataError: If a file cannot be read.
    """
    check_applies(metrics, bool(eval_set.items), how.subgroups)
    check_outputs(outputs, eval_set, metrics)
    updated = {name: _updated(metric, eval_set, outputs) for name, metric in metrics.items()}
    found = UnifiedScores(eval_set, how, outputs, updated)
    for name, metric in updated.items():
        values = dict(metric.compute())
        if twice := values.keys() & found.scores.keys():
            other = next(key for key, one in updated.items() if min(twice) in one.compute())
            raise ConfigError(f"metric=[{other},{name}]: both give the value {min(twice)}; remove {other} or {name}")
        found.scores |= values
        found.described[name] = dict(metric.describe())
        found.conditions[name] = dict(metric.conditions())
        found.tables |= metric.table()
    for group, chosen in subgroups(eval_set, how.subgroups):
        part = eval_set.subset(chosen)
        for name, metric in metrics.items():
            main = _main(_updated(metric, part, outputs))
            if main:
                found.scores[f"{main[0]}/{group}"] = main[1]
                found.described[name][f"{main[0]}/{group}"] = f"{len(chosen)} faces"
    return found


def subgroups(eval_set: EvalSet, names: Sequence[str]) -> list[tuple[str, list[int]]]:
    """(title, indices of faces) of each subgroup; subgroups of fewer than two faces are skipped.

    The titles are ``LABEL`` and ``no_LABEL`` for a label, and ``FIELD=VALUE`` for each value of a field.
    """
    found: dict[str, list[int]] = {}
    labels = list(TAXONOMY.labels)
    for name in names:
        for number, record in enumerate(eval_set.records):
            if name in TAXONOMY.labels:
                shown = int(eval_set.true[number, labels.index(name)])
                title = {1: name, 0: f"no_{name}"}.get(shown)
            else:
                value = record[name]
                title = None if value is None else f"{name}={value}"
            if title:
                found.setdefault(title, []).append(number)
    return sorted((title, chosen) for title, chosen in found.items() if len(chosen) > 1)


def robust_outputs(
    model: Scored | None, eval_set: EvalSet, how: ScoreOptions, outputs: Outputs, metrics: Iterable[OutputMetric]
) -> Iterable[tuple[str, EvalSet, Outputs]]:
    """Makes or opens the outputs about corrupted faces, in the folders ``corrupted/NAME-STRENGTH`` of `outputs`.

    Args:
        model: The model that makes the outputs; None if the folders of another system already exist.
        eval_set: The evaluation set.
        how: Size of the evaluation, and the corruptions.
        outputs: Outputs about the uncorrupted faces.
        metrics: The metrics.

    Yields:
        (``NAME-STRENGTH``, evaluation set with corrupted faces, outputs).

    Raises:
        ConfigError: If `model` is None and a folder is missing.
    """
    needs = needs_of(metric for metric in metrics if _understands(metric))
    for name in how.robustness if needs else ():
        for strength in STRENGTHS:
            title = f"{name}-{strength}"
            changed, folder = corrupted(eval_set, name, strength), outputs.folder / "corrupted" / title
            if model is not None:
                manifest = {**outputs.manifest, "eval_set": eval_set_fields(changed, how)}
                Maker(model, changed, how, folder).make(needs, manifest)
            elif not folder.is_dir():
                raise ConfigError(
                    f"scores.robustness=[{name}] needs outputs about corrupted faces in {folder}: add this folder, or "
                    "remove scores.robustness"
                )
            yield title, changed, Outputs(folder)


def add_robustness(
    found: UnifiedScores, title: str, eval_set: EvalSet, outputs: Outputs, metrics: Mapping[str, OutputMetric]
) -> None:
    """Adds the main values of captions and answers about corrupted faces, named ``VALUE/CORRUPTION-STRENGTH``."""
    chosen = {name: metric for name, metric in metrics.items() if _understands(metric)}
    check_outputs(outputs, eval_set, chosen)
    for name, metric in chosen.items():
        if main := _main(_updated(metric, eval_set, outputs)):
            found.scores[f"{main[0]}/{title}"] = main[1]
            corruption, _, strength = title.rpartition("-")
            found.described[name][f"{main[0]}/{title}"] = f"faces with {corruption}, strength {strength} of 5"


def result_fields(found: UnifiedScores) -> dict[str, Any]:
    """Options, intervals, conditions and detailed scores as plain values, for the JSON file."""
    details: dict[str, Any] = {}
    for metric in found.metrics.values():
        details |= metric.details()
    return {
        "options": {name: _plain(value) for name, value in asdict(found.options).items()},
        "intervals": {n: [s.low, s.high] for n, s in found.scores.items() if math.isfinite(s.low)},
        "counts": {name: one.samples for name, one in found.scores.items() if one.samples},
        "eval_set": eval_set_fields(found.eval_set, found.options),
        "conditions": found.conditions,
        **details,
    }


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, Collection) and not isinstance(value, str) else value


def _understands(metric: OutputMetric) -> bool:
    return bool(metric.needs) and metric.needs <= UNDERSTANDING


def _updated(metric: OutputMetric, eval_set: EvalSet, outputs: Outputs) -> OutputMetric:
    updated = copy.copy(metric)
    updated.update(eval_set, outputs)
    return updated


def _main(metric: OutputMetric) -> tuple[str, Score] | None:
    """Name and score of the main value of an updated metric; None if the metric has no values."""
    return next(iter(metric.compute().items()), None)
