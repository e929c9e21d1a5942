"""Result sheets of a unified model: faces beside prompts, faces beside text, and scores as bars."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

from unif2ace.attributes import TAXONOMY
from unif2ace.data.lettering import wrapped
from unif2ace.evaluation.values import KINDS, attribute_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from torch import Tensor

    from unif2ace.evaluation.unified_scores import UnifiedScores

Colour = tuple[int, int, int]
Line = tuple[str, Colour]

PAPER, INK, FAINT = (255, 255, 255), (32, 32, 36), (110, 110, 120)
GOOD, BAD = (38, 120, 70), (178, 48, 48)
_SIDE, _GAP, _TEXT, _LINE = 128, 6, 640, 19
_NO, _YES, _CEILING = "#c9d6ea", "#30507f", "#222222"


def draw_sheets(found: UnifiedScores, out: str | Path, faces: int = 10) -> list[Path]:
    """Writes ``generated.png``, ``understood.png`` and ``scores.png``, and the prompts of the first as ``prompts.txt``.

    A folder ``faces`` holds the faces of the first sheet one by one: ``003-generated-0.png`` is the first one of the
    fourth prompt, ``003-reconstruction.png`` and ``003-true.png`` are those of the described face.

    Args:
        found: Scores of a model.
        out: Output folder; it is created.
        faces: Maximum number of faces per sheet.

    Returns:
        The files.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    generated_sheet(found, faces).save(out / "generated.png")
    understood_sheet(found, faces).save(out / "understood.png")
    draw_bars(found, out / "scores.png")
    _save_faces(found, out / "faces", faces)
    prompts = [" ".join(caption.split()) for caption in found.eval_set.captions[: min(faces, len(found.diverse))]]
    (out / "prompts.txt").write_text("\n".join(prompts) + "\n", encoding="utf-8")
    return [out / name for name in ("generated.png", "understood.png", "scores.png", "prompts.txt")]


def _save_faces(found: UnifiedScores, out: Path, faces: int) -> None:
    out.mkdir(exist_ok=True)
    for number, several in enumerate(found.diverse[:faces]):
        named = {f"generated-{seed}": face for seed, face in enumerate(several)}
        named |= {"reconstruction": found.reconstructed[number], "true": found.eval_set.images[number]}
        for name, face in named.items():
            Image.fromarray(face.permute(1, 2, 0).numpy()).save(out / f"{number:03d}-{name}.png")


def comparison_sheet(prompts: Sequence[str], columns: Mapping[str, Sequence[Sequence[Path]]]) -> Image.Image:
    """Faces of the same prompts from several sources, a row for each prompt, the prompt at the right.

    Args:
        prompts: The prompts.
        columns: For each source the image files of its faces, by prompt.

    Raises:
        DataError: If a file cannot be read.
    """
    import torch

    from unif2ace.data.images import read_picture

    heads: list[str] = []
    rows: list[list[Tensor]] = [[] for _ in prompts]
    for name, of_prompts in columns.items():
        heads += [name, *([""] * (len(of_prompts[0]) - 1))]
        for row, files in zip(rows, of_prompts, strict=True):
            row += [torch.from_numpy(read_picture(file, _SIDE).pixels).permute(2, 0, 1) for file in files]
    lines: list[list[Line]] = [[(prompt, INK)] for prompt in prompts]
    return _sheet([*heads, "prompt"], list(zip(rows, lines, strict=True)))


def generated_sheet(found: UnifiedScores, faces: int = 10) -> Image.Image:
    """For each of the first prompts: the generated faces, the true face and its reconstruction, the prompt, and labels
    the evaluator disagrees with.
    """
    rows = []
    for number, several in enumerate(found.diverse[:faces]):
        stated, seen = found.stated[number].tolist(), found.seen[number].tolist()
        names = [name.replace("_", " ") for name in TAXONOMY.labels]
        missing = [n for n, said, is_ in zip(names, stated, seen, strict=True) if said == 1 and not is_]
        unwanted = [n for n, said, is_ in zip(names, stated, seen, strict=True) if said == 0 and is_]
        mentioned = sum(said >= 0 for said in stated)
        kept = mentioned - len(missing) - len(unwanted)
        lines = [
            (found.eval_set.captions[number], INK),
            (f"first face: the evaluator agrees with {kept} of {mentioned}", FAINT),
        ]
        lines += [(f"missing: {', '.join(missing)}", BAD)] if missing else []
        lines += [(f"unwanted: {', '.join(unwanted)}", BAD)] if unwanted else []
        rows.append(([*several, found.reconstructed[number], found.eval_set.images[number]], lines))
    seeds = found.diverse.shape[1]
    heads = ["generated", *([""] * (seeds - 1)), "reconstruction", "true face", "prompt"]
    return _sheet(heads, rows)


def understood_sheet(found: UnifiedScores, faces: int = 10) -> Image.Image:
    """True faces with the model's captions and answers; false statements are red."""
    rows = []
    asked = [[one for one in found.answered if one.sample == n] for n in range(len(found.captions))]
    chosen = sorted(range(len(found.captions)), key=lambda n: not asked[n])[:faces]
    for number in chosen:
        lines = [(found.captions[number] or "(nothing)", INK)]
        if found.false[number]:
            said = ", ".join(_negated(name, value) for name, value in found.false[number])
            lines.append((f"false: {said}", BAD))
        if unread := found.readings[number].unread:
            lines.append((f"not understood: {' '.join(unread[:12])}", FAINT))
        for one in asked[number][:4]:
            truth = "" if one.right else f"  (true: {one.question.answer})"
            lines.append((f"{one.question.question} · {one.said}{truth}", GOOD if one.right else BAD))
        rows.append(([found.eval_set.images[number]], lines))
    return _sheet(["true face", "what the model says of it"], rows)


def _negated(name: str, value: object) -> str:
    """A statement in words: "no hat", "hair colour red"."""
    words = name.replace("_", " ")
    return words if value is True else f"no {words}" if value is False else f"{words} {value}"


def _sheet(heads: Sequence[str], rows: Sequence[tuple[Sequence[Tensor], Sequence[Line]]]) -> Image.Image:
    """Rows of images, each uint8 (3, H, W), with wrapped text at the right."""
    font = ImageFont.load_default(14)
    texts = [[(line, colour) for text, colour in lines for line in wrapped(text, font, _TEXT)] for _, lines in rows]
    heights = [max(_SIDE, _LINE * len(lines)) + 2 * _GAP for lines in texts]
    left = (_SIDE + _GAP) * (len(heads) - 1) + 2 * _GAP
    sheet = Image.new("RGB", (left + _TEXT + _GAP, sum(heights) + 26), PAPER)
    draw, top = ImageDraw.Draw(sheet), 26
    for place, head in enumerate(heads):
        draw.text((_GAP + place * (_SIDE + _GAP), 5), head, FAINT, font)
    for (pictures, _), lines, height in zip(rows, texts, heights, strict=True):
        for place, picture in enumerate(pictures):
            pixels = Image.fromarray(picture.permute(1, 2, 0).numpy()).resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)
            sheet.paste(pixels, (_GAP + place * (_SIDE + _GAP), top))
        for number, (line, colour) in enumerate(lines):
            draw.text((left, top + _LINE * number - 2), line, colour, font)
        top += height
    return sheet


def draw_bars(found: UnifiedScores, path: Path) -> None:
    """Draws each attribute's floor, score and ceiling as bars, and the same for the kinds of questions."""
    from matplotlib.figure import Figure

    rows = sorted(attribute_rows(found), key=lambda row: row[1][1] - row[1][2])
    figure = Figure(figsize=(12, max(4.5, 0.19 * len(rows) + 1.4)), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[3, 2])
    kinds = [(KINDS.get(kind, kind), (one.floor, one.raw, 1.0)) for kind, one in reversed(found.answers.items())]
    if found.paraphrases:
        kinds.insert(0, ("yes or no, reworded", (0.5, (1 + found.paraphrases.normalised.value) / 2, 1.0)))
    for axes, some in ((left, rows), (right, kinds)):
        axes.set_visible(bool(some))
    _bars(
        left,
        [name.replace("_", " ") for name, *_ in rows],
        [(numbers[2], numbers[1], numbers[3]) for _, numbers, _ in rows],
    )
    left.set_title(f"faces show what captions say: {_number(found.agreement.normalised.value)}")
    _bars(right, [name for name, _ in kinds], [numbers for _, numbers in kinds])
    title = _number(found.answers["all"].normalised.value) if "all" in found.answers else "none asked"
    right.set_title(f"answers: {title}")
    for axes in (left, right):
        axes.set_xlabel("balanced accuracy")
        axes.set_xlim(0, 1)
        axes.spines[["top", "right"]].set_visible(False)
    handles, names = left.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=3, fontsize=9, frameon=False)
    figure.savefig(path, dpi=110)


def _bars(axes: Axes, names: Sequence[str], values: Sequence[tuple[float, float, float]]) -> None:
    """A light bar to each floor, a dark bar on to the score, and a mark at the ceiling."""
    places = range(len(names))
    floor, raw, ceiling = zip(*values, strict=True) if values else ((), (), ())
    thick = min(0.8, 0.1 * max(len(names), 1))
    axes.barh(places, floor, height=thick, color=_NO, label="without looking")
    gained = [r - f for r, f in zip(raw, floor, strict=True)]
    axes.barh(places, gained, left=floor, height=thick * 0.6, color=_YES, label="reached")
    axes.plot(ceiling, places, "|", color=_CEILING, markersize=9, label="can be reached", clip_on=False)
    axes.set_yticks(places, names, fontsize=8)
    axes.set_ylim(-0.7, len(names) - 0.3)


def _number(value: float) -> str:
    return f"{value:.2f}" if math.isfinite(value) else "not measurable"
