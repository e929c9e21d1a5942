"""Data card of a data set: ``README.md`` with Hugging Face front matter, and an image with sample faces."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from unif2ace.attributes import TAXONOMY
from unif2ace.data.build_faults import FILE as FAULTS
from unif2ace.data.export_formats.base import open_splits
from unif2ace.data.preview import face_grid
from unif2ace.data.shards import Progress, Sample, SampleFault, ShardReader, Statistics, collect_statistics
from unif2ace.data.shards.statistics import mean
from unif2ace.errors import DataError

README, PICTURE = "README.md", "card.png"
REPORT = "report.md"
"""Report that a curation step, such as `collect`, writes into its output folder."""
SUBGROUPS: Final = ("gender", "age", "skin_tone")
SIZES: Final = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
LICENSES: Final = {
    "CC0-1.0": "cc0-1.0",
    "CC-BY-4.0": "cc-by-4.0",
    "CC-BY-SA-4.0": "cc-by-sa-4.0",
    "CC-BY-NC-4.0": "cc-by-nc-4.0",
    "CC-BY-NC-SA-4.0": "cc-by-nc-sa-4.0",
    "MIT": "mit",
    "Apache-2.0": "apache-2.0",
}
"""License identifiers of the Hugging Face hub. Any other license becomes ``other``."""
_FACES: Final = 24
_TOLD: Final = ("by", "model", "prompt", "from", "classifier", "parser", "editor", "version", "generator", "revision")
"""Provenance keys that say how a text was made; the card lists their values."""
_MOST: Final = 12


@dataclass(slots=True)
class Origins:
    """Counts over the samples of a data set: sources, licenses, processing steps, models and subgroups.

    Attributes:
        samples: Number of samples.
        sources: Number of samples by (source, license).
        own: Number of samples whose ``captions`` or ``questions`` come from the source.
        steps: Number of samples by processing step, such as ``caption``.
        makers: Number of samples by the model and prompt that their provenance names.
        edits: Number of changes, and of changed samples, by (step, ``edits`` or ``samples``).
        groups: Number of samples by (attribute, value) for each of `SUBGROUPS` and for gender and age combined.
    """

    samples: int = 0
    sources: Counter[tuple[str, str]] = field(default_factory=Counter)
    own: Counter[str] = field(default_factory=Counter)
    steps: Counter[str] = field(default_factory=Counter)
    makers: Counter[str] = field(default_factory=Counter)
    edits: Counter[tuple[str, str]] = field(default_factory=Counter)
    groups: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, sample: Sample) -> None:
        """Counts one sample."""
        data = sample.metadata
        origin = data.provenance
        first = origin.get("source")
        self.samples += 1
        self.sources[first if isinstance(first, str) else data.source, data.license] += 1
        self.own.update(map(str, origin.get("from_source") or ()))
        self.steps.update(map(str, origin.get("steps") or ()))
        self.makers.update(set(_made_by(origin)))
        for step, entry in origin.items():
            if isinstance(entry, Mapping) and isinstance(edits := entry.get("edits"), list) and edits:
                self.edits[step, "edits"] += len(edits)
                self.edits[step, "samples"] += 1
        record = data.record
        values = {name: _named(record[name]) for name in SUBGROUPS}
        self.groups.update(values.items())
        self.groups["gender and age", f"{values['gender']}, {values['age']}"] += 1


def _made_by(origin: Mapping[str, Any]) -> Iterator[str]:
    """The models and prompts in a provenance, one line per step: ``caption: by = M, prompt = HASH``."""
    for name, value in origin.items():
        if isinstance(value, Mapping):
            if told := [f"{path} = {leaf}" for path, leaf in _leaves(value)]:
                yield f"{name}: {', '.join(told)}"
        elif isinstance(value, str) and name in _TOLD:
            yield f"{name} = {value}"


def _leaves(tree: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Path and value of each leaf whose own or top-level key is in `_TOLD`."""
    for name, value in tree.items():
        path = f"{before}{name}"
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{path}.")
        elif isinstance(value, str | int | float) and (name in _TOLD or path.split(".", maxsplit=1)[0] in _TOLD):
            yield path, value


def _named(value: str | bool | None) -> str:
    return "unknown" if value is None else str(value)


def write_card(
    folder: str | Path,
    out: str | Path | None = None,
    *,
    title: str | None = None,
    notes: str = "",
    seed: int = 0,
    data_files: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> list[Path]:
    """Writes the data card ``README.md`` and its image ``card.png``.

    Args:
        folder: A data set with ``train`` and ``val``, or one folder of shards.
        out: Output folder of the card; None for `folder`.
        title: Title; None for the folder's name.
        notes: Text of a section ``Notes`` at the end of the card; empty for no section.
        seed: Seed of the random choice of faces in ``card.png``.
        data_files: File pattern of each split for the hub's ``configs``; None for the shards' ``*.tar``.
        progress: Called as the samples are read.

    Returns:
        The paths of both files.

    Raises:
        DataError: If there are no shards, or no sample can be read.
    """
    folder = Path(folder)
    place = Path(out or folder)
    readers = open_splits(folder)
    origins = Origins()
    found = {s: collect_statistics(r.folder, progress=progress, observe=origins.add) for s, r in readers.items()}
    if not origins.samples:
        raise DataError(f"{folder}: no sample can be read; run `unif2ace-data validate {folder}` to list the faults")
    patterns = data_files or {
        split: "*.tar" if r.folder == folder else f"{split}/*.tar" for split, r in readers.items()
    }
    name = title or folder.resolve().name
    text = "\n".join(
        [
            *_front_matter(name, origins, patterns),
            f"# {name}\n",
            f"![faces]({PICTURE})\n",
            *_overview(found),
            *_sources(origins),
            *_texts(found, origins),
            *_left_out(folder, readers),
            *_subgroups(origins),
            *_attributes(found),
            *_settings(readers),
            *([f"\n## Notes\n{notes}"] if notes else []),
        ]
    )
    place.mkdir(parents=True, exist_ok=True)
    (place / README).write_text(text + "\n", encoding="utf-8")
    _draw(next(iter(readers.values())), seed).save(place / PICTURE)
    return [place / README, place / PICTURE]


def _front_matter(title: str, origins: Origins, patterns: Mapping[str, str]) -> list[str]:
    licenses = {license for _, license in origins.sources}
    only = LICENSES.get(next(iter(licenses))) if len(licenses) == 1 else None
    upper = next((n for n in SIZES if origins.samples < n), None)
    below = {None: "n>10M", 1_000: "n<1K"}.get(upper) or f"{_short((upper or 0) // 10)}<n<{_short(upper or 0)}"
    return [
        "---",
        f"pretty_name: {json.dumps(title, ensure_ascii=False)}",
        f"license: {only or 'other'}",
        *([] if only else [f"license_name: {json.dumps('; '.join(sorted(licenses)), ensure_ascii=False)}"]),
        "language: [en]",
        "task_categories: [text-to-image, image-to-text, visual-question-answering]",
        "tags: [faces, face-attributes, unif2ace]",
        f"size_categories: [{below}]",
        "configs:",
        "- config_name: default",
        "  data_files:",
        *(line for s, p in patterns.items() for line in (f"  - split: {_split(s)}", f"    path: {json.dumps(p)}")),
        "---\n",
    ]


def _split(name: str) -> str:
    return {"val": "validation"}.get(name, "".join(c if c.isalnum() else "_" for c in name))


def _short(number: int) -> str:
    return f"{number // 1_000_000}M" if number >= 1_000_000 else f"{number // 1_000}K"


def _overview(found: Mapping[str, Statistics]) -> list[str]:
    lines = [
        "| split | samples | people | pictures | attributes stated | captions | words | questions |",
        "|---|" * 1 + "---|" * 7,
    ]
    for split, one in found.items():
        captions = sum(one.caption_words.values()) + sum(one.further_words.values())
        sizes = ", ".join(list(one.image_sizes)[:3]) + (" ..." if len(one.image_sizes) > 3 else "")
        lines.append(
            f"| {split} | {one.samples:,} | {one.identities:,} | {sizes} | {mean(one.stated):.1f} | {captions:,} | "
            f"{mean(one.caption_words):.0f} | {sum(one.questions.values()):,} |"
        )
    return lines


def _sources(origins: Origins) -> list[str]:
    rows = [f"| {source} | {license} | {number:,} |" for (source, license), number in origins.sources.most_common(40)]
    return ["\n## Sources and licenses", "| source | license of the pictures | samples |\n|---|---|---|", *rows]


def _texts(found: Mapping[str, Statistics], origins: Origins) -> list[str]:
    kinds = Counter[str]()
    for one in found.values():
        kinds.update(one.questions)
    total = origins.samples
    lines = ["\n## How captions and questions were made"]
    for what in ("captions", "questions"):
        own = origins.own[what]
        lines.append(f"- {what}: {own:,} of {total:,} samples have those of their source, word for word.")
    steps = ", ".join(f"{step} ({number:,})" for step, number in origins.steps.most_common())
    lines.append(
        f"- steps: {steps or 'not recorded'}. Without a model or prompt named below, a grammar writes from labels."
    )
    shown = origins.makers.most_common(_MOST)
    lines += [f"- `{maker}`: {number:,} samples" for maker, number in shown]
    if len(origins.makers) > _MOST:
        lines.append(f"- and {len(origins.makers) - _MOST:,} further entries")
    for step in sorted({step for step, _ in origins.edits}):
        changed, among = origins.edits[step, "edits"], origins.edits[step, "samples"]
        lines.append(
            f"- `{step}` changed {changed:,} statements in {among:,} samples; each change is in the provenance"
        )
    lines.append(f"- questions by kind: {', '.join(f'{kind} {n:,}' for kind, n in kinds.most_common()) or 'none'}")
    return lines


def _left_out(folder: Path, readers: Mapping[str, ShardReader]) -> list[str]:
    lines = ["\n## What was left out"]
    faults = Counter(str(line.get("cause")) for line in _json_lines(folder / FAULTS))
    lines.append(f"- while importing: {_counts(faults)}")
    for split, reader in readers.items():
        outcomes = Counter[str]()
        for journal in sorted(reader.folder.glob("shard-*.journal.jsonl")):
            outcomes.update(str(line.get("outcome")) for line in _json_lines(journal) if not line.get("kept"))
        step = reader.index.recipe.get("step")
        if step or outcomes:
            lines.append(f"- step `{step or 'unknown'}`, {split}: {_counts(outcomes)}")
    for place in dict.fromkeys((folder, *(reader.folder for reader in readers.values()))):
        if (place / REPORT).is_file():
            path = (place / REPORT).relative_to(folder).as_posix()
            lines.append(f"- what was refused and why, with examples: [{path}]({path})")
    return lines


def _counts(counts: Mapping[str, int]) -> str:
    listed = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{name} {number:,}" for name, number in listed) or "nothing"


def _json_lines(path: Path) -> Iterator[dict[str, Any]]:
    if not path.is_file():
        return
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            tree = json.loads(line)
        except ValueError as error:
            raise DataError(f"{path}:{number}: not JSON ({error}); remove this line and try again") from error
        if isinstance(tree, dict):
            yield tree


def _subgroups(origins: Origins) -> list[str]:
    lines = [
        "\n## Subgroups",
        "As labelled; unknown where nobody labelled it.\n",
        "| | value | samples | share |\n|---|---|---|---|",
    ]
    for group in (*SUBGROUPS, "gender and age"):
        counts = {value: number for (name, value), number in origins.groups.items() if name == group}
        for value, number in sorted(counts.items(), key=lambda item: -item[1]):
            lines.append(f"| {group.replace('_', ' ')} | {value} | {number:,} | {number / origins.samples:.1%} |")
    return lines


def _attributes(found: Mapping[str, Statistics]) -> list[str]:
    lines = ["\n## Attributes", "| label | true | false | unknown |\n|---|---|---|---|"]
    for name in TAXONOMY.labels:
        counts = [sum(one.labels[name][n] for one in found.values()) for n in range(3)]
        lines.append(f"| {name} | {' | '.join(f'{n:,}' for n in counts)} |")
    return lines


def _settings(readers: Mapping[str, ShardReader]) -> list[str]:
    """Section with the recipe of the first split: the settings it was built with."""
    recipe = next(iter(readers.values())).index.recipe
    if not recipe:
        return []
    return ["\n## Settings", "```json", json.dumps(recipe, indent=1, ensure_ascii=False, sort_keys=True), "```"]


def _draw(reader: ShardReader, seed: int) -> Any:
    """Grid of up to 24 faces chosen at random."""
    order: Sequence[int] = np.random.default_rng(seed).permutation(len(reader)).tolist()
    images = []
    for index in order:
        try:
            images.append(reader.image(index))
        except SampleFault:
            continue
        if len(images) == _FACES:
            break
    return face_grid(images, min(8, len(images)))
