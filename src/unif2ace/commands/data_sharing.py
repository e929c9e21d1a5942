"""Verbs of `unif2ace-data` for exchanging data: `export`, `card`, `push` and `questions`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from omegaconf import DictConfig

from unif2ace.data.output_lock import output_lock
from unif2ace.engine.instantiate import instantiate
from unif2ace.progress import progress


def export(config: DictConfig) -> dict[str, int]:
    """Exports a data set to the format of another project, with a data card.

    Returns:
        Number of samples in each split.
    """
    from unif2ace.data.card import write_card
    from unif2ace.data.export_formats.base import Export

    form = instantiate(config.export_format, allow=config.engine.allow)
    out = Path(config.out)
    work = Export(config.folder, form)
    with output_lock(out, "out"):
        with progress("export") as advance:
            counts = work.write(out, advance)
        patterns = {split: form.data_files.format(split=split) for split in counts}
        write_card(config.folder, out, title=config.title, notes=config.notes, data_files=patterns)
    if work.faults:
        _say(f"left out: {len(work.faults):,} unreadable samples; the first: {work.faults[0]}")
    _say(f"{', '.join(f'{count:,} of {split}' for split, count in counts.items())}: {out}")
    _say(f"read it back: {form.read_back(out, next(iter(counts)))} validation=0 folder=...")
    return counts


def card(config: DictConfig) -> list[Path]:
    """Writes the data card of a data set.

    Returns:
        The written files.
    """
    from unif2ace.data.card import write_card

    out = Path(config.out or config.folder)
    with output_lock(out, "out"), progress("card") as advance:
        files = write_card(
            config.folder, out, title=config.title, notes=config.notes, seed=config.seed, progress=advance
        )
    _say("\n".join(map(str, files)))
    return files


def push(config: DictConfig) -> str:
    """Uploads a data set to the hub. A missing data card is written first.

    Returns:
        URL of the commit.
    """
    from unif2ace.data.card import README, write_card
    from unif2ace.data.export_formats.base import open_splits
    from unif2ace.inference.hub import DATA_FILES, check_hub_name, push_folder

    check_hub_name(config.name, "name")
    folder = Path(config.folder)
    with output_lock(folder, "folder"):
        open_splits(folder)
        if not (folder / README).is_file():
            with progress("card") as advance:
                write_card(folder, progress=advance)
        address = push_folder(folder, config.name, files=DATA_FILES, private=config.private, kind="dataset")
    _say(f"{address}\nread it back: hf download {config.name} --repo-type dataset --local-dir data/faces")
    return address


def questions(config: DictConfig) -> int:
    """Reads a question file, prints a summary, and with `out` writes the final prompts as JSON lines.

    Returns:
        Number of questions.
    """
    found = instantiate(config.question_file, allow=config.engine.allow)
    _say("\n".join(found.report().lines))
    if config.out:
        rows = [
            {
                "key": item.key,
                "prompt": item.prompt,
                "kind": item.kind,
                "options": list(item.options),
                "answers": list(item.answers),
                "letters": list(item.letters) if item.lettered else [],
                "images": [str(image) for image in item.images],
                "category": list(item.category),
                "after": list(item.after) if item.after else None,
            }
            for item in found.items
        ]
        with output_lock(config.out, "out", single=True):
            text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            Path(config.out).write_text(text, encoding="utf-8")
        _say(str(config.out))
    return len(found)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
