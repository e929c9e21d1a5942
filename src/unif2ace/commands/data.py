"""`unif2ace-data`: builds, imports, indexes, checks, counts and shows shards of faces, captions and questions."""

from __future__ import annotations

import sys
from pathlib import Path

from omegaconf import DictConfig

from unif2ace.engine.command import Verb, fail, run_verb
from unif2ace.engine.instantiate import instantiate
from unif2ace.progress import progress


def build(config: DictConfig) -> dict[str, int]:
    """Builds shards from `source`; a build that was stopped goes on.

    Returns:
        Samples of each split.
    """
    from unif2ace.data.build import BuildOptions, build_shards

    source = instantiate(config.source, allow=config.engine.allow)
    options = BuildOptions(
        validation=config.validation,
        samples_per_shard=config.samples_per_shard,
        quality=config.quality,
        captions=tuple(config.captions),
        questions=config.questions,
        vocab_size=config.vocab_size,
        seed=config.seed,
    )
    with progress(source.name) as advance:
        counts = build_shards(source, config.folder, options, config.workers, advance)
    skipped = getattr(source, "skipped", None)
    if skipped:
        _say("skipped: " + ", ".join(f"{cause} {count}" for cause, count in skipped.items()))
    _say(f"{', '.join(f'{count:,} in {split}/' for split, count in counts.items())}: {config.folder}")
    _say(f"next: unif2ace-data stats {Path(config.folder) / 'train'}")
    return counts


def index(config: DictConfig) -> int:
    """Makes the index of plain WebDataset shards.

    Returns:
        Number of samples.
    """
    from unif2ace.data.shards import build_index

    with progress("index") as advance:
        made = build_index(config.folder, strict=config.strict, progress=advance)
    left_out = f"; left out: {', '.join(f'{c} {n}' for c, n in made.left_out.items())}" if made.left_out else ""
    _say(f"{len(made):,} samples in {len(made.shards)} shards{left_out}: {config.folder}")
    return len(made)


def validate(config: DictConfig) -> bool:
    """Checks a shard folder and prints every fault; the command's status is 1 if there is one.

    Returns:
        Whether there is none.
    """
    from unif2ace.data.shards.validate import validate as check

    with progress("validate") as advance:
        report = check(config.folder, progress=advance)
    if config.report:
        Path(config.report).write_text(report.to_json(), encoding="utf-8")
    _say(report.to_text())
    return report.ok


def stats(config: DictConfig) -> Path:
    """Counts what is in a shard folder; prints it, and writes it as JSON and as a picture.

    Returns:
        The picture.
    """
    from unif2ace.data.shards.plot import plot_statistics
    from unif2ace.data.shards.statistics import collect_statistics

    with progress("statistics") as advance:
        found = collect_statistics(config.folder, progress=advance)
    out = Path(config.out or config.folder)
    out.mkdir(parents=True, exist_ok=True)
    (out / "statistics.json").write_text(found.to_json(), encoding="utf-8")
    picture = out / "statistics.png"
    plot_statistics(found, picture)
    _say(found.to_text())
    _say(f"{out / 'statistics.json'}\n{picture}")
    return picture


def preview(config: DictConfig) -> list[Path]:
    """Draws contact sheets.

    Returns:
        The pictures.
    """
    from unif2ace.data.preview import preview_shards, preview_source

    out = Path(config.out)
    if config.folder:
        pictures = preview_shards(config.folder, out, config.count, config.columns, config.seed)
    else:
        source = instantiate(config.source, allow=config.engine.allow)
        with progress("sheets") as advance:
            pictures = preview_source(source, out, config.count, config.columns, config.pairs, config.seed, advance)
    _say("\n".join(map(str, pictures)))
    return pictures


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


def _validate_or_fail(config: DictConfig) -> None:
    if not validate(config):
        fail(f"{config.folder} has faults; they are listed above")


VERBS = {
    "build": Verb(build, "build", "draws the embedded faces, with captions and questions"),
    "import": Verb(build, "build", "brings in pictures of your own or of a public data set", "source", required=True),
    "index": Verb(index, "index", "makes the index of plain WebDataset shards", "folder", required=True),
    "validate": Verb(_validate_or_fail, "validate", "checks every byte, name and statement", "folder", required=True),
    "stats": Verb(stats, "stats", "counts what is in the data: text, JSON, picture", "folder", required=True),
    "preview": Verb(preview, "preview", "contact sheets, of a folder or of a source", "folder"),
}


def main() -> None:
    """Entry point of the console command."""
    run_verb("unif2ace-data", VERBS)


if __name__ == "__main__":
    main()
