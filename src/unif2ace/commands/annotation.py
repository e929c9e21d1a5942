"""Verbs of `unif2ace-data` that write captions and questions: `caption`, `correct`, `ask` and `pipeline`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from unif2ace.commands.curation import collect
from unif2ace.curation.part import StepPart
from unif2ace.data.output_lock import output_lock
from unif2ace.engine.instantiate import instantiate
from unif2ace.errors import ConfigError, nearest
from unif2ace.progress import progress

if TYPE_CHECKING:
    from unif2ace.curation.annotate import DataSet
    from unif2ace.curation.net_classifier import NetClassifier
    from unif2ace.curation.step import Step
    from unif2ace.data.shards import Sample

STEPS = ("collect", "caption", "correct", "ask")


def caption(config: DictConfig) -> Path:
    """Captions a data set. An interrupted run continues where it stopped.

    Returns:
        The output folder.

    Raises:
        ConfigError: If a `language_model` is given but `by` does not use it, or the model is missing.
    """
    from unif2ace.curation.caption_by_grammar import CaptionByGrammar
    from unif2ace.curation.caption_by_model import CaptionByModel

    data = _data_set(config, "caption")
    by = config.by or ("model" if config.get("language_model") else "labels")
    if by != "model" and config.get("language_model"):
        raise ConfigError(f"by={by} uses no language model: leave language_model out, or set by=model")

    def make() -> Step[Sample]:
        if by != "model":
            classifier = _classifier(config, data) if by == "classifier" else None
            return CaptionByGrammar(classifier, config.style, config.confidence, config.seed)
        return CaptionByModel(
            _model(config, "by=model"),
            config.prompt_file,
            source_captions=config.source_captions,
            max_tokens=config.max_tokens,
            temperature=config.temperature,
            seed=config.seed,
        )

    return _run(config, make, data)


def correct(config: DictConfig) -> Path:
    """Corrects the captions of a data set. An interrupted run continues where it stopped.

    Returns:
        The output folder.

    Raises:
        ConfigError: If a `language_model` is given but `editor` does not use it, or the model is missing.
    """
    from unif2ace.curation.caption_editors import CaptionEditor, GrammarEditor, ModelEditor
    from unif2ace.curation.correct import Correct
    from unif2ace.curation.correction_table import read_corrections
    from unif2ace.curation.corrections import Thresholds
    from unif2ace.language.caption_parser import GrammarParser

    data, parser = _data_set(config, "correct"), GrammarParser()
    if config.editor != "model" and config.get("language_model"):
        raise ConfigError("editor=grammar uses no language model: leave language_model out, or set editor=model")
    limits: Any = OmegaConf.to_container(config.thresholds)
    thresholds = Thresholds(**limits)

    def make() -> Step[Sample]:
        editor: CaptionEditor = GrammarEditor(parser)
        if config.editor == "model":
            model = _model(config, "editor=model")
            editor = ModelEditor(model, parser, config.prompt_file, config.max_tokens, config.temperature)
        classifier = _classifier(config, data)
        return Correct(classifier, editor, parser, thresholds, fill=config.fill, seed=config.seed)

    def table() -> tuple[str, dict[str, Any]]:
        found = read_corrections(data.outputs)
        return found.to_markdown(), {"corrections": found.to_json()}

    return _run(config, make, data, table)


def ask(config: DictConfig) -> Path:
    """Writes the questions of a data set. An interrupted run continues where it stopped.

    Returns:
        The output folder.
    """
    from unif2ace.curation.annotate import known_rates
    from unif2ace.curation.ask import Ask
    from unif2ace.language.caption_parser import GrammarParser

    data, parser = _data_set(config, "ask"), GrammarParser()

    def make() -> Step[Sample]:
        return Ask(
            parser,
            known_rates([data.folder / split for split in data.splits], parser),
            config.num_questions,
            _model(config, "") if config.get("language_model") else None,
            config.prompt_file,
            temperature=config.temperature,
            max_tokens=config.max_tokens,
            seed=config.seed,
        )

    return _run(config, make, data)


def pipeline(config: DictConfig) -> Path:
    """Runs several steps. Finished steps are skipped, and an interrupted step continues where it stopped.

    Returns:
        The output folder of the last step.

    Raises:
        ConfigError: If a step is unknown or out of order.
    """
    steps = [str(step) for step in config.steps]
    for step in steps:
        if step not in STEPS:
            raise ConfigError(f"steps: there is no step {step!r}{nearest(step, STEPS)} (known: {', '.join(STEPS)})")
    if not steps or steps != [step for step in STEPS if step in steps]:
        raise ConfigError(
            f"steps=[{','.join(steps)}]: give one or more of {', '.join(STEPS)}, each once and in this order"
        )
    if len(steps) > 1 and StepPart.parse(config.part).total > 1:
        raise ConfigError(
            f"part={config.part}, steps=[{','.join(steps)}]: a step needs all parts of the step before; run one step "
            f"at a time, such as steps=[{steps[0]}]"
        )
    if config.estimate:
        return _run_steps(config, steps)
    with output_lock(Path(config.out) / f"pipeline-{str(config.part).replace('/', '-of-')}", "out", single=True):
        return _run_steps(config, steps)


def _run_steps(config: DictConfig, steps: Sequence[str]) -> Path:
    from unif2ace.engine.compose import compose

    work: dict[str, tuple[Callable[[DictConfig], Path], Any]] = {
        "collect": (collect, config.collect),
        "caption": (caption, config.caption),
        "correct": (correct, config.correct),
        "ask": (ask, config.ask),
    }
    place = Path(config.path)
    for step in steps:
        run, given = work[step]
        out = Path(config.out) / step
        keys = {"path": place, "folder": out} if step == "collect" else {"folder": place, "out": out}
        words = [f"{key}={value}" for key, value in keys.items()]
        words += [*_texts(given), f"part={config.part}", f"estimate={str(config.estimate).lower()}"]
        made = compose("collect" if step == "collect" else f"{step}_data", words)
        if config.get("language_model") and step != "collect" and _asks_model(step, made):
            OmegaConf.update(made, "language_model", config.language_model, force_add=True)
        _say(f"{step}: {place} -> {out}")
        run(made)
        if config.estimate and not (out / "report.json").is_file():
            break
        place = out
    return place


def _texts(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else [str(text) for text in value]


def _asks_model(step: str, made: DictConfig) -> bool:
    """Whether a step uses the language model of the pipeline's configuration."""
    if made.get("language_model"):  # it has its own
        return False
    if step == "caption":
        return made.by in (None, "model")
    return step == "ask" or made.editor == "model"


def _data_set(config: DictConfig, step: str) -> DataSet:
    from unif2ace.curation.annotate import DataSet

    folder = Path(config.folder).expanduser()
    data = DataSet(
        folder, Path(config.out) if config.out else folder.with_name(f"{folder.name}-{step}"), config.vocab_size
    )
    if data.out.resolve() == folder.resolve():
        raise ConfigError(f"out={config.out} is the input folder: give another out=...")
    return data


def _model(config: DictConfig, needed_by: str) -> Any:
    if not config.get("language_model"):
        raise ConfigError(
            f"{needed_by} needs a language model: give language_model=endpoint language_model.base_url=... "
            "language_model.model=..."
        )
    return instantiate(config.language_model, allow=config.engine.allow)


def _classifier(config: DictConfig, data: DataSet) -> NetClassifier:
    """Loads the classifier. ``builtin`` is refused for pictures that it was not trained on."""
    from unif2ace.curation.net_classifier import NetClassifier
    from unif2ace.data.shards import ShardReader
    from unif2ace.engine.weights import read_header
    from unif2ace.evaluation.evaluator import BUILTIN_EVALUATOR, load_evaluator

    if config.classifier == "builtin":
        first = ShardReader(data.folder / data.splits[0])[0]
        side, size = read_header(BUILTIN_EVALUATOR)["image_size"][0], first.pixels().shape[:2]
        if first.metadata.source != "synthetic" or size != (side, side):
            raise ConfigError(
                f"classifier=builtin was trained on synthetic faces of {side}x{side} pixels, but {data.folder} holds "
                f"faces of {size[1]}x{size[0]} pixels from {first.metadata.source}: train a classifier on such faces "
                "(`unif2ace-train experiment=attributes/photographs`) and give classifier=RUN_FOLDER"
            )
    device = None if config.device == "auto" else config.device
    found = load_evaluator(config.classifier, device=device, allow=config.engine.allow)
    return NetClassifier(found.net, found.fingerprint, found.device)


def _run(
    config: DictConfig,
    make: Callable[[], Step[Sample]],
    data: DataSet,
    more: Callable[[], tuple[str, dict[str, Any]]] | None = None,
) -> Path:
    from unif2ace.curation.annotate import annotate, estimate
    from unif2ace.curation.report import read_report, write_report

    part = StepPart.parse(config.part)
    if config.estimate:
        _say(estimate(make(), data, part).to_text())
        return data.out
    began = time.monotonic()
    with output_lock(data.out / f"part-{part.number}-of-{part.total}", "out", single=True):
        step = make()
        with progress(step.name) as advance:
            runs = annotate(step, data, part, advance)
    done, seconds = sum(run.done for run in runs), time.monotonic() - began
    _say(f"{done:,} samples in {seconds:,.0f} s ({done / max(seconds, 1e-9):,.1f}/s): {data.out}")
    if not all(run.finished for run in runs):
        _say("other parts are not finished; the part that finishes last makes the index and the report")
        return data.out
    with output_lock(data.out / "report.md", "out", single=True, wait=True):
        report = read_report(data.outputs)
        text, tree = more() if more else ("", {})
        markdown = f"# {step.name}\n\n{report.to_markdown()}" + (f"\n{text}" if text else "")
        files = write_report(data.out, markdown, {**report.to_json(), **tree})
    _say("\n".join([report.to_markdown().strip(), *map(str, files)]))
    return data.out


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
