"""`unif2ace-data`: builds, imports, curates, checks, tokenizes and exports shards of faces."""

from __future__ import annotations

import os
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from unif2ace.commands import annotation, data_sharing
from unif2ace.commands.curation import collect
from unif2ace.data.output_lock import output_lock
from unif2ace.engine.command import Command, Work, fail, run_verb
from unif2ace.engine.instantiate import instantiate
from unif2ace.engine.words import Syntax
from unif2ace.errors import ConfigError, check_list
from unif2ace.progress import progress

APP = "unif2ace-data"


def build(config: DictConfig) -> dict[str, int]:
    """Builds shards from `source`. An interrupted build continues where it stopped.

    Returns:
        Number of samples in each split.
    """
    from unif2ace.data.build import BuildOptions, build_shards
    from unif2ace.data.build_faults import faults_line
    from unif2ace.data.sources.base import report_of

    check_list(config.captions, "captions")
    source = instantiate(config.source, allow=config.engine.allow)
    options = BuildOptions(
        validation=config.validation,
        samples_per_shard=config.samples_per_shard,
        quality=config.quality,
        captions=tuple(config.captions),
        num_questions=config.num_questions,
        vocab_size=config.vocab_size,
        seed=config.seed,
        max_faults=config.max_faults,
    )
    try:
        with progress(source.name) as advance:
            counts = build_shards(source, config.folder, options, config.workers, advance)
    finally:
        _say("\n".join(report_of(source).lines))
    _say(f"{', '.join(f'{count:,} in {split}/' for split, count in counts.items())}: {config.folder}")
    _say(faults_line(Path(config.folder)))
    _write_card(Path(config.folder))
    _say(f"next: unif2ace-data stats {Path(config.folder) / 'train'}")
    return counts


def text_tokenizer(config: DictConfig) -> int:
    """Trains a text tokenizer on the captions, questions and answers of a data set.

    Returns:
        Vocabulary size of the text tokenizer.
    """
    from unif2ace.data.build import training_texts
    from unif2ace.data.text_tokenizer import train_text_tokenizer
    from unif2ace.engine.weights import BUILTIN

    out = Path(config.out)
    with output_lock(out, "out"), progress("text tokenizer") as advance:
        texts = training_texts(Path(config.folder), advance)
        extend = BUILTIN if config.extend == "builtin" else config.extend
        made = train_text_tokenizer(texts, out, config.vocab_size, config.across_spaces, extend)
    _say(f"{made.vocab_size:,} ids: {made.path}; train with it: data.text_tokenizer={out}")
    return made.vocab_size


def _write_card(folder: Path) -> None:
    """Writes the data card of a data set. An existing card is kept, because the user may have edited it."""
    from unif2ace.data.card import README, write_card

    if (folder / README).exists():
        _say(f"{folder / README} is kept; write a new card with: unif2ace-data card {folder}")
    elif os.access(folder, os.W_OK):
        with output_lock(folder, "folder", wait=True), progress("card") as advance:
            write_card(folder, progress=advance)
        _say(f"data card: {folder / README}")


def index(config: DictConfig) -> int:
    """Writes the index of plain WebDataset shards.

    Returns:
        Number of samples.
    """
    from unif2ace.data.shards import build_index

    alone = output_lock(config.folder, "folder") if Path(config.folder).is_dir() else nullcontext()
    with alone, progress("index") as advance:
        made = build_index(config.folder, strict=config.strict, progress=advance)
    left_out = f"; left out: {', '.join(f'{c} {n}' for c, n in made.left_out.items())}" if made.left_out else ""
    _say(f"{len(made):,} samples in {len(made.shards)} shards{left_out}: {config.folder}")
    if bad := len(made) - made.conforming:
        _say(f"{bad:,} samples have metadata that does not conform; see: unif2ace-data validate {config.folder}")
    return len(made)


def validate(config: DictConfig) -> bool:
    """Checks a shard folder and prints every fault. The exit status is 1 if there are faults.

    Returns:
        Whether the folder has no faults.
    """
    from unif2ace.data.shards.validate import validate as check

    with progress("validate") as advance:
        report = check(config.folder, progress=advance)
    if config.report:
        with output_lock(config.report, "report", single=True):
            Path(config.report).write_text(report.to_json(), encoding="utf-8")
    _say(report.to_text())
    return report.ok


def stats(config: DictConfig) -> Path:
    """Computes the statistics of a shard folder, prints them, and writes them as JSON and as an image.

    Returns:
        The image file.
    """
    from unif2ace.data.shards.plot import plot_statistics
    from unif2ace.data.shards.statistics import collect_statistics

    out = Path(config.out or config.folder)
    picture = out / "statistics.png"
    with progress("statistics") as advance:
        found = collect_statistics(config.folder, progress=advance)
    with output_lock(out, "out"):
        (out / "statistics.json").write_text(found.to_json(), encoding="utf-8")
        plot_statistics(found, picture)
    _say(found.to_text())
    _say(f"{out / 'statistics.json'}\n{picture}")
    return picture


def preview(config: DictConfig) -> list[Path]:
    """Writes contact sheets of a shard folder or of a source.

    Returns:
        The image files.
    """
    from unif2ace.data.preview import preview_shards, preview_source

    out = Path(config.out)
    with output_lock(out, "out"):
        if config.folder:
            pictures = preview_shards(config.folder, out, config.count, config.columns, config.seed)
        else:
            source = instantiate(config.source, allow=config.engine.allow)
            with progress("sheets") as advance:
                pictures = preview_source(source, out, config.count, config.columns, config.pairs, config.seed, advance)
    _say("\n".join(map(str, pictures)))
    return pictures


def tokenize(config: DictConfig) -> list[Path]:
    """Encodes the images of a shard folder, or of all splits of a data set, into shards of tokens.

    Returns:
        The shard folders of tokens.

    Raises:
        ConfigError: If `ckpt` is missing.
        DataError: If the folder holds no shards, or its images do not fit the tokenizer.
    """
    _check_ckpt(config, "unif2ace-data tokenize FOLDER ckpt=...")
    from unif2ace.data.tokenize import SHOWN, TokenizeOptions, tokenize_shards
    from unif2ace.engine.weights import load_net, read_weights

    folder = Path(config.folder)
    splits = token_splits(folder)
    weights = read_weights(config.ckpt, "tokenizer")
    made_by = weights.component_fingerprint
    root = Path(config.out) if config.out else folder.with_name(f"{folder.name}-tokens-{made_by[:SHOWN]}")
    options = TokenizeOptions(config.batch_size, config.samples_per_shard, config.device, config.precision)
    began, done = time.monotonic(), []
    with output_lock(root, "out"), progress("tokens") as advance:
        net: Any = load_net(weights, "tokenizer", config.engine.allow)
        for split in splits:
            done.append(tokenize_shards(folder / split, root / split, net, made_by, options, advance))
    seconds, encoded, faulty = time.monotonic() - began, sum(d.encoded for d in done), sum(d.faulty for d in done)
    if faulty:
        _say(f"{faulty:,} pictures cannot be read and have no tokens; see: unif2ace-data validate {folder}")
    rate = f"{encoded:,} encoded now, {encoded / seconds:,.0f} images/s" if encoded else "all encoded before"
    grid = f"{done[0].grid[0]}x{done[0].grid[1]} tokens, {done[0].bits:,.0f} bits each"
    _say(f"{sum(d.samples for d in done):,} pictures as {grid} ({rate}): {root}")
    _say(f"train on them with: dataset=shards dataset.shards.folder={folder} dataset.shards.tokens={root}")
    return [d.folder for d in done]


def token_splits(folder: Path) -> list[str]:
    """Sub-folders of a data set that hold shards; ``[""]`` if the folder itself holds shards.

    Raises:
        DataError: If no folder holds shards.
    """
    from unif2ace.data.datasets.shards import ShardDataset
    from unif2ace.data.shards import Rules, has_index

    if has_index(folder):
        return [""]
    found = [split for split in ("train", "val") if has_index(folder / split)]
    if not found:
        ShardDataset(folder).open("train", Rules())  # raises an error that explains the cause
    return found


def roundtrip(config: DictConfig) -> Path:
    """Writes a sheet with images, their tokens and their reconstructions.

    Returns:
        Path of the sheet.

    Raises:
        ConfigError: If `ckpt` is missing, or neither `ckpt` nor `size` states the image size.
        DataError: If an image does not exist.
    """
    _check_ckpt(config, "unif2ace-data roundtrip PICTURE ckpt=...")
    from unif2ace.data import roundtrip as trips
    from unif2ace.data.images import read_picture
    from unif2ace.engine.weights import load_net, read_weights

    out = Path(config.out)
    with output_lock(out, "out", single=True):
        place = config.picture if isinstance(config.picture, str) else list(config.picture)
        files = trips.find_pictures(place, config.count)
        trips.keep_inputs(files, out)
        weights = read_weights(config.ckpt, "tokenizer")
        net: Any = load_net(weights, "tokenizer", config.engine.allow)
        size = config.size or next(iter(weights.header.get("image_size") or ()), None)
        if size is None:
            raise ConfigError(f"{weights.path} does not record the image size of its training: give size=PIXELS")
        found = trips.roundtrip(net, [read_picture(file, size) for file in files])
        trips.draw_sheet(found).save(out)
    _say("\n".join(map(trips.summary, found)))
    _say(str(out))
    return out


def _check_ckpt(config: DictConfig, usage: str) -> None:
    if OmegaConf.is_missing(config, "ckpt"):
        raise ConfigError(f"ckpt is missing: give a tokenizer's run folder or weights.safetensors, as in `{usage}`")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


def _validate_or_fail(config: DictConfig) -> None:
    if not validate(config):
        fail(f"{config.folder} has the faults listed above")


def _verb(name: str, work: Work, help: str, *words: str, config: str = "") -> Command:
    return Command(work, Syntax(f"{APP} {name}", config or name, words), help)


VERBS = {
    "build": _verb("build", build, "renders synthetic faces with captions and questions"),
    "import": _verb("import", build, "imports your pictures or a public data set", "source", config="build"),
    "collect": _verb("collect", collect, "finds, aligns and filters the faces in pictures", "path"),
    "caption": _verb(
        "caption", annotation.caption, "writes captions by a model or the grammar", "folder", config="caption_data"
    ),
    "correct": _verb(
        "correct", annotation.correct, "corrects captions by a classifier", "folder", config="correct_data"
    ),
    "ask": _verb("ask", annotation.ask, "writes questions and answers from captions", "folder", config="ask_data"),
    "pipeline": _verb("pipeline", annotation.pipeline, "runs collect, caption, correct and ask", "path"),
    "index": _verb("index", index, "writes the index of plain WebDataset shards", "folder"),
    "validate": _verb("validate", _validate_or_fail, "checks files, names and metadata of shards", "folder"),
    "stats": _verb("stats", stats, "computes statistics as text, JSON and picture", "folder"),
    "text_tokenizer": _verb("text_tokenizer", text_tokenizer, "trains a text tokenizer on the data's texts", "folder"),
    "tokenize": _verb("tokenize", tokenize, "encodes pictures to shards of tokens", "folder"),
    "roundtrip": _verb("roundtrip", roundtrip, "shows a picture, its tokens and reconstruction", "picture ..."),
    "preview": _verb("preview", preview, "writes contact sheets of a folder or a source", "[folder]"),
    "card": _verb("card", data_sharing.card, "writes the data card: README.md and a picture", "folder"),
    "export": _verb(
        "export",
        data_sharing.export,
        "exports the data set for other projects",
        "export_format",
        "folder",
        config="export_data",
    ),
    "push": _verb("push", data_sharing.push, "uploads the data set to the Hugging Face hub", "folder", "name"),
    "questions": _verb("questions", data_sharing.questions, "reads a benchmark's question file", "question_file"),
}


def main() -> None:
    """Entry point of the console command."""
    run_verb(APP, VERBS)


if __name__ == "__main__":
    main()
