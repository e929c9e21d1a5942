"""Result sheets of a unified model: faces beside prompts, faces beside text, and scores as bars."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from PIL import Image, ImageDraw, ImageFont

from unif2ace.attributes import TAXONOMY
from unif2ace.data.lettering import wrapped
from unif2ace.evaluation.metrics.agreement import AgreementMetric
from unif2ace.evaluation.metrics.answers import KINDS, AnswersMetric, ScoredAnswer
from unif2ace.evaluation.metrics.captions import CaptionsMetric
from unif2ace.evaluation.metrics.paraphrases import ParaphrasesMetric

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from torch import Tensor

    from unif2ace.evaluation.metrics.base import OutputMetric
    from unif2ace.evaluation.unified_scores import UnifiedScores

Found = TypeVar("Found", bound="OutputMetric")
Colour = tuple[int, int, int]
Line = tuple[str, Colour]

PAPER, INK, FAINT = (255, 255, 255), (32, 32, 36), (110, 110, 120)
GOOD, BAD = (38, 120, 70), (178, 48, 48)
_SIDE, _GAP, _TEXT, _LINE = 128, 6, 640, 19
_NO, _YES, _CEILING = "#c9d6ea", "#30507f", "#222222"


def draw_sheets(found: UnifiedScores, out: str | Path, faces: int = 10) -> list[Path]:
    """Writes the sheets ``generated.png``, ``understood.png`` and ``scores.png``, and the files that belong to them.

    A sheet without its outputs or metrics is skipped. ``prompts.txt`` holds the prompts of ``generated.png``.
    ``understood.jsonl`` has a line for each face of ``understood.png``: its key, its picture, the caption, the false
    statements of the caption, and the questions with answer, true answer and correctness.

    The folder ``faces`` holds the single pictures. For the fourth prompt these are ``003-generated-0.png`` and further
    generated faces, ``003-reconstruction.png`` and ``003-true.png``.

    Args:
        found: Scores of a system.
        out: Output folder; it is created.
        faces: Maximum number of faces per sheet.

    Returns:
        The sheets that were written, and ``prompts.txt``.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    files = []
    if shown := _shown(found, faces):
        generated_sheet(found, faces).save(out / "generated.png")
        _save_faces(found, out / "faces", faces)
        prompts = [" ".join(found.eval_set.prompts[number].split()) for number in shown]
        (out / "prompts.txt").write_text("\n".join(prompts) + "\n", encoding="utf-8")
        files.append("generated.png")
    if _metric(found, CaptionsMetric) or _metric(found, AnswersMetric):
        understood_sheet(found, faces).save(out / "understood.png")
        _save_understood(found, out, faces)
        files.append("understood.png")
    if _metric(found, AgreementMetric) or _metric(found, AnswersMetric) or _metric(found, ParaphrasesMetric):
        draw_bars(found, out / "scores.png")
        files.append("scores.png")
    return [out / name for name in [*files, *(["prompts.txt"] if shown else [])]]


def _metric(found: UnifiedScores, kind: type[Found]) -> Found | None:
    return next((metric for metric in found.metrics.values() if isinstance(metric, kind)), None)


def _shown(found: UnifiedScores, faces: int) -> list[int]:
    """Indices of the prompts on ``generated.png``: the first ones with several faces, or else with one face."""
    number = [found.outputs.number_generated(key) for key in found.eval_set.keys]
    several = [n for n, count in enumerate(number) if count > 1] or [n for n, count in enumerate(number) if count]
    return several[:faces]


def _pictures(found: UnifiedScores, number: int) -> dict[str, Tensor]:
    """The pictures of a prompt by name: generated ones, the reconstruction if there is one, and the true face."""
    key, outputs = found.eval_set.keys[number], found.outputs
    named = {f"generated-{seed}": outputs.generated(key, seed) for seed in range(outputs.number_generated(key))}
    part = found.eval_set.subset([number])
    if not outputs.missing("reconstructed", part):
        named["reconstruction"] = outputs.reconstructed_images(part)[0]
    return {**named, "true": found.eval_set.images[number]}


def _save_faces(found: UnifiedScores, out: Path, faces: int) -> None:
    out.mkdir(exist_ok=True)
    for number in _shown(found, faces):
        for name, face in _pictures(found, number).items():
            Image.fromarray(face.permute(1, 2, 0).numpy()).save(out / f"{number:03d}-{name}.png")


def generated_sheet(found: UnifiedScores, faces: int = 10) -> Image.Image:
    """One row per prompt: generated faces, reconstruction, true face, prompt, and labels missing or unwanted in the
    first generated face.
    """
    agreement, shown = _metric(found, AgreementMetric), _shown(found, faces)
    several = [_pictures(found, number) for number in shown]
    names = list(dict.fromkeys(name for named in several for name in named if name.startswith("generated")))
    names += [name for name in ("reconstruction", "true") if any(name in named for named in several)]
    rows = []
    for number, named in zip(shown, several, strict=True):
        lines: list[Line] = [(found.eval_set.prompts[number], INK)]
        if agreement:
            lines += _disagreements(agreement, number)
        blank = named["true"].new_full(named["true"].shape, 255)
        rows.append(([named.get(name, blank) for name in names], lines))
    heads = {"generated-0": "generated", "true": "true face", "reconstruction": "reconstruction"}
    return _sheet([*(heads.get(name, "") for name in names), "prompt"], rows)


def _disagreements(agreement: AgreementMetric, number: int) -> list[Line]:
    stated, seen = agreement.stated[number].tolist(), agreement.seen[number].tolist()
    names = [name.replace("_", " ") for name in TAXONOMY.labels]
    missing = [n for n, said, is_ in zip(names, stated, seen, strict=True) if said == 1 and not is_]
    unwanted = [n for n, said, is_ in zip(names, stated, seen, strict=True) if said == 0 and is_]
    mentioned = sum(said >= 0 for said in stated)
    kept = mentioned - len(missing) - len(unwanted)
    lines = [(f"first face: the evaluator agrees with {kept} of {mentioned}", FAINT)]
    lines += [(f"missing: {', '.join(missing)}", BAD)] if missing else []
    lines += [(f"unwanted: {', '.join(unwanted)}", BAD)] if unwanted else []
    return lines


def understood_sheet(found: UnifiedScores, faces: int = 10) -> Image.Image:
    """True faces with the system's captions and answers; false statements are red."""
    rows = []
    captions, asked = _metric(found, CaptionsMetric), _asked(found)
    for number in _most_asked(asked, faces):
        lines = _captioned(captions, number) if captions else []
        for one in asked[number][:4]:
            truth = "" if one.right else f"  (true: {one.question.answer})"
            lines.append((f"{one.question.question} · {one.said}{truth}", GOOD if one.right else BAD))
        rows.append(([found.eval_set.images[number]], lines))
    return _sheet(["true face", "what the model says of it"], rows)


def _asked(found: UnifiedScores) -> list[list[ScoredAnswer]]:
    """The answers about each face."""
    answers = _metric(found, AnswersMetric)
    asked: list[list[ScoredAnswer]] = [[] for _ in range(len(found.eval_set))]
    for one in answers.answered if answers else ():
        asked[one.sample].append(one)
    return asked


def _most_asked(asked: Sequence[Sequence[ScoredAnswer]], faces: int) -> list[int]:
    """Indices of at most `faces` faces; faces with questions come first."""
    return sorted(range(len(asked)), key=lambda number: not asked[number])[:faces]


def _save_understood(found: UnifiedScores, out: Path, faces: int) -> None:
    """Writes ``understood.jsonl`` and the pictures of its true faces."""
    captions, asked, rows = _metric(found, CaptionsMetric), _asked(found), []
    (out / "faces").mkdir(exist_ok=True)
    for number in _most_asked(asked, faces):
        picture = f"faces/{number:03d}-true.png"
        Image.fromarray(found.eval_set.images[number].permute(1, 2, 0).numpy()).save(out / picture)
        said = {"caption": captions.captions[number], "false": _falsities(captions, number)} if captions else {}
        answers = [
            {"question": one.question.question, "answer": one.said, "truth": one.question.answer, "right": one.right}
            for one in asked[number]
        ]
        rows.append({"key": found.eval_set.keys[number], "picture": picture, **said, "answers": answers})
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (out / "understood.jsonl").write_text("".join(lines), encoding="utf-8")


def _captioned(captions: CaptionsMetric, number: int) -> list[Line]:
    lines = [(captions.captions[number] or "(nothing)", INK)]
    if false := _falsities(captions, number):
        lines.append((f"false: {', '.join(false)}", BAD))
    if unread := captions.readings[number].unread:
        lines.append((f"not understood: {' '.join(unread[:12])}", FAINT))
    return lines


def _falsities(captions: CaptionsMetric, number: int) -> list[str]:
    """The statements of a caption that are false."""
    return [_negated(name, value) for name, value in captions.false[number]]


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
    """Draws floor, score and ceiling of each attribute and of each kind of questions as bars."""
    from matplotlib.figure import Figure

    agreement, answers = _metric(found, AgreementMetric), _metric(found, AnswersMetric)
    rows = sorted(agreement.attribute_rows() if agreement else (), key=lambda row: row[1][1] - row[1][2])
    figure = Figure(figsize=(12, max(4.5, 0.19 * len(rows) + 1.4)), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[3, 2])
    kinds = list(_kinds(answers, _metric(found, ParaphrasesMetric)))
    for axes, some in ((left, rows), (right, kinds)):
        axes.set_visible(bool(some))
    _bars(
        left,
        [name.replace("_", " ") for name, *_ in rows],
        [(numbers[2], numbers[1], numbers[3]) for _, numbers, _ in rows],
    )
    if agreement:
        left.set_title(f"faces show what captions say: {_number(agreement.found.normalised.value)}")
    _bars(right, [name for name, _ in kinds], [numbers for _, numbers in kinds])
    asked = answers is not None and "all" in answers.found
    right.set_title(f"answers: {_number(found.values['answers']) if asked else 'none asked'}")
    for axes in (left, right):
        axes.set_xlabel("balanced accuracy")
        axes.set_xlim(0, 1)
        axes.spines[["top", "right"]].set_visible(False)
    handles, names = left.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=3, fontsize=9, frameon=False)
    figure.savefig(path, dpi=110)


def _kinds(
    answers: AnswersMetric | None, paraphrases: ParaphrasesMetric | None
) -> Iterable[tuple[str, tuple[float, float, float]]]:
    """(name, (floor, accuracy, ceiling)) of each kind of questions; the ceiling is 1."""
    if paraphrases and paraphrases.found:
        yield "yes or no, reworded", (0.5, (1 + paraphrases.found.normalised.value) / 2, 1.0)
    for kind, one in reversed(list(answers.found.items()) if answers else []):
        yield KINDS.get(kind, kind), (one.floor, one.raw, 1.0)


def _bars(axes: Axes, names: Sequence[str], values: Sequence[tuple[float, float, float]]) -> None:
    """Per row: a light bar from 0 to the floor, a dark bar from the floor to the score, and a mark at the ceiling."""
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
