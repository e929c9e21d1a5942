"""The model card of a release."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from unif2ace.engine.fingerprint import SHOWN
from unif2ace.inference.front_matter import write_front_matter
from unif2ace.inference.shown_commands import shown_commands

if TYPE_CHECKING:
    from unif2ace.engine.weights import Weights
    from unif2ace.inference.release import Release

SCORES = {
    "agreement": "attribute agreement (0: faces of shuffled captions, 1: the true faces)",
    "agreement_reconstructed": "raw agreement of the tokenizer's reconstructions",
    "agreement_raw": "raw agreement (balanced accuracy)",
    "agreement_floor": "raw agreement with shuffled captions",
    "agreement_ceiling": "raw agreement of the true faces",
    "answers": "answer accuracy (0: best guess, 1: all correct)",
    "answers_raw": "raw answer accuracy, balanced over answers",
    "answers_floor": "raw answer accuracy of the best guess: constant, chance or another face's answer",
    "paraphrases": "accuracy on rephrased yes/no questions (0: constant answer, 1: all correct)",
    "caption_f1": "attribute F1 of captions",
    "caption_f1_shuffled": "attribute F1 of other faces' captions",
    "caption_false_share": "share of false statements among the checkable statements of captions",
}


def model_card(
    release: Release, stored: Mapping[str, str], title: str, license: str, notes: str = "", name: str = "FOLDER"
) -> str:
    """Writes the model card as Markdown with the hub's front matter.

    The card shows the weights' headers, the training commands and the scores in ``evaluation/evaluation.json`` of the
    unified model's run folder.

    Args:
        release: The parts of the model, in their run folders.
        stored: Fingerprints of the released files, by kind.
        title: Title of the card.
        license: License of the weights.
        notes: Further text, added at the end.
        name: Argument of `unif2ace.load` in the usage example: ``owner/name`` on the hub, or a folder.
    """
    named = {**release.components, "unified": release.unified}
    parts = dict(sorted(named.items(), key=lambda kind: len(kind[1].header.get("components", {}))))  # as trained
    size = release.module["image_size"]
    text = [
        f"{write_front_matter(stored, license)}# {title}\n",
        f"Generates faces of {size} x {size} pixels from text, describes faces and answers questions about them "
        "(UniF²ace, arXiv 2503.08120).\n",
        "## Usage",
        "```python\nimport unif2ace\n",
        f'pipe = unif2ace.load("{name}")',
        'face = pipe("A smiling woman with red hair.", seed=0).images[0]',
        'pipe.ask(face, "What color is the person\'s hair?")\n```\n',
        "## Parts",
        "| part | parameters | steps | fingerprint of the file | as trained |\n|---|---|---|---|---|",
        *(
            f"| {kind} | {_size(one):,} | {_steps(one.header)} | {stored[kind][:SHOWN]} | {one.trained_as[:SHOWN]} |"
            for kind, one in parts.items()
        ),
        "\nStoring weights in another precision changes their fingerprint. Generated pictures name the fingerprint of "
        "the file; runs and evaluations name the fingerprint as trained.",
        "\n## How it was trained",
        "```bash",
        *(line for part in parts.values() for line in shown_commands(part)),
        "```",
        f"Seed {release.unified.header.get('seed', 'unknown')}; data:\n",
        *_data(release.unified.header.get("data", {})),
        *_scores(release.unified),
        f"\n## License\n{license}",
        *([f"\n## Notes\n{notes}"] if notes else []),
    ]
    return "\n".join(text) + "\n"


def _size(weights: Weights) -> int:
    return sum(value.numel() for value in weights.state.values())


def _steps(header: Mapping[str, Any]) -> str:
    before = header.get("started_from")
    return f"{header.get('steps', '')}" + (f" from {before}" if before else "")


def _data(found: Mapping[str, Any]) -> list[str]:
    return [
        f"- `{name}` ({one['folder']}), {split}: {one[split]['samples']:,} faces, {one[split]['fingerprint'][:12]}"
        for name, one in found.items()
        for split in ("train", "val")
        if split in one
    ]


def _scores(weights: Weights) -> list[str]:
    path = weights.path.parent / "evaluation" / "evaluation.json"
    if not path.is_file():
        return []
    tree = json.loads(path.read_text(encoding="utf-8"))
    values, intervals, options = tree["values"], tree.get("intervals", {}), tree.get("options", {})
    lines = [
        f"\n## Scores\nMeasured on {tree['pictures']} faces of `{tree['split']}` with prompts of the kind "
        f"`{options.get('caption', 'any')}`. The evaluator is a classifier that the model does not use "
        f"({tree['evaluator']['fingerprint'][:12]}).\n",
        "| | value | 95 % |\n|---|---|---|",
    ]
    for name, meaning in SCORES.items():
        if values.get(name) is not None:
            low_high = " to ".join(f"{x:.3f}" for x in intervals.get(name, []))
            lines.append(f"| {meaning} | {values[name]:.3f} | {low_high} |")
    return lines
