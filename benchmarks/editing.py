"""Editing by words, measured: 200 synthetic faces, one of ten attributes asked of each, against two baselines.

The package's model edits faces that it was not trained on; the package's evaluator, which the model does not use, sees
whether the asked attribute changed and whether all others stayed. Two edits that no model can beat stand beside: the
face rendered again with the attribute, and the same through the image tokenizer.

- *flipped*: share of the edits after which the evaluator sees the asked value, as a mean over the attributes.
- *kept, present* and *kept, absent*: share of the other labels that the evaluator saw (did not see) in the picture and
  still sees (does not see). Labels that change with the asked one in the renderer do not count.
- *tokens*: share of the tokens that were sampled again.

``python -m benchmarks editing`` writes two sheets beside its table; ``UNIF2ACE_FACES=40`` measures fewer faces.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from unif2ace.attributes import TAXONOMY
from unif2ace.data.sources.synthetic import SyntheticSource
from unif2ace.evaluation.evaluator import load_evaluator
from unif2ace.inference.edit_regions.box import BoxRegion
from unif2ace.inference.editing import FaceEditor, paste_region
from unif2ace.inference.loading import load_model
from unif2ace.language.instructions import known_record
from unif2ace.synthetic import Face, render

COMMAND = "python -m benchmarks editing"
FACES = int(os.environ.get("UNIF2ACE_FACES", "200"))
SEED, OUT = 4242, Path("logs") / "bench"
FLAGS = {
    "eyeglasses": "glasses", "sunglasses": "sunglasses", "hat": "a hat", "beard": "a beard", "smile": "a smile",
    "mouth_open": "an open mouth", "bangs": "bangs", "lipstick": "lipstick",
}  # fmt: skip
VALUES = {"hair_colour": ("blond", "black"), "hair_length": ("long", "short")}
ASKED = (*FLAGS, *VALUES)
FACE_BOX = (0.2, 0.1, 0.8, 0.85)
"""The fixed region: the head of every synthetic face."""


@dataclass(frozen=True)
class Job:
    """An edit to make: the face, the asked field, its value, the words, and the fields that may change."""

    face: Face
    field: str
    value: str | bool
    words: str

    @property
    def target(self) -> Face:
        return self.face.replace(**{self.field: self.value})

    @property
    def labels(self) -> list[tuple[int, bool]]:
        """The labels that show the value, and what each must be."""
        found = [(n, x.value == self.value) for n, x in enumerate(TAXONOMY.labels.values()) if x.field == self.field]
        return [pair for pair in found if pair[1]] or found

    @property
    def others(self) -> list[int]:
        """Labels that the edit must not change."""
        before, after = self.face.drawn, self.target.drawn
        return [n for n, x in enumerate(TAXONOMY.labels.values()) if before[x.field] == after[x.field] != None]  # noqa: E711


def jobs() -> list[Job]:
    """One edit per face, the attributes in turn."""
    source = SyntheticSource(num_samples=2 * FACES, seed=SEED, size=64)
    found = []
    for number in range(FACES):
        face, field = source.face(2 * number), ASKED[number % len(ASKED)]
        now = face.drawn[field]
        if field in FLAGS:
            found.append(Job(face, field, not now, f"{'without' if now else 'with'} {FLAGS[field].removeprefix('a ')}"))
        else:
            value = VALUES[field][now == VALUES[field][0]]
            found.append(Job(face, field, value, f"{value} hair"))
    return found


def pictures(faces: Sequence[Face]) -> Tensor:
    return torch.from_numpy(np.stack(list(render(faces, 64)))).permute(0, 3, 1, 2).contiguous()


class Scores:
    """Scores edits with the package's evaluator."""

    def __init__(self, todo: Sequence[Job], before: Tensor, used: Any) -> None:
        self.todo, self._evaluator = todo, load_evaluator("builtin", used)
        self._before = self._evaluator.sees(before)[0]

    def __call__(self, images: Tensor) -> dict[str, float]:
        seen = self._evaluator.sees(images)[0]
        right = self.flipped(seen)
        by_field = [np.mean([r for r, job in zip(right, self.todo, strict=True) if job.field == f]) for f in ASKED]
        pairs = [(self._before[n, x], seen[n, x]) for n, job in enumerate(self.todo) for x in job.others]
        present, absent = ([bool(b) == bool(a) for b, a in pairs if bool(b) == value] for value in (True, False))
        found = {"flipped": np.mean(by_field), "kept, present": np.mean(present), "kept, absent": np.mean(absent)}
        fields = {f"flipped {f}": value for f, value in zip(ASKED, by_field, strict=True)}
        return {name: float(value) for name, value in {**found, **fields}.items()}

    def flipped(self, seen: Tensor) -> list[bool]:
        return [all(bool(seen[n, x]) == want for x, want in job.labels) for n, job in enumerate(self.todo)]

    def sees(self, images: Tensor) -> Tensor:
        return self._evaluator.sees(images)[0]


def main() -> list[dict[str, Any]]:
    """Rows of figure, value, unit, target and command."""
    torch.set_num_threads(1)
    model, todo = load_model("builtin", device="cpu"), jobs()
    images = pictures([job.face for job in todo])
    scores = Scores(todo, images, model.release.components)
    records = [known_record(text) for text in model.caption(images)]
    rows = _rows("picture, not edited", scores(images), None)
    rows += _rows("rendered again", scores(pictures([job.target for job in todo])), None)
    rows += _rows("rendered again, through the tokenizer", _decoded(model, scores, [job.target for job in todo]), None)
    ways = _ways(model)
    sheets: dict[str, Tensor] = {}
    for name, editor in ways.items():
        start = time.perf_counter()
        done = editor.edit(images, [job.words for job in todo], records=records)
        made, region = done.images, done.region.cpu()
        seconds = (time.perf_counter() - start) / len(todo)
        pasted = paste_region(images, made, region, editor.grid)
        rows += _rows(name, scores(pasted), float(region.double().mean()), seconds)
        if name in ("by words", "whole face"):
            rows += _rows(f"{name}, not pasted", scores(made), None)
        sheets[name] = pasted
        sheets[f"{name} region"] = region
        _write_partial(rows)
    _sheets(todo, images, sheets, scores)
    return rows


def _ways(model: Any) -> dict[str, FaceEditor]:
    every, face = BoxRegion((0, 0, 1, 1)), BoxRegion(FACE_BOX)
    return {
        "by words": FaceEditor(model, attempts=3),
        "fixed region": FaceEditor(model, face),
        "whole face": FaceEditor(model, every),
    }


def _decoded(model: Any, scores: Scores, faces: Sequence[Face]) -> dict[str, float]:
    return scores(torch.cat([model.reconstruct(pictures(faces[n : n + 32])) for n in range(0, len(faces), 32)]))


def _rows(
    way: str, values: dict[str, float], tokens: float | None, seconds: float | None = None
) -> list[dict[str, Any]]:
    more = {"tokens": tokens} if tokens is not None else {}
    rows = {**values, **more}
    found = [
        {"figure": f"{way}: {name}", "value": value, "unit": "share", "target": "", "command": COMMAND}
        for name, value in rows.items()
    ]
    if seconds is not None:
        found.append(
            {"figure": f"{way}: time", "value": seconds, "unit": "s per face", "target": "", "command": COMMAND}
        )
    return found


def _write_partial(rows: list[dict[str, Any]]) -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "editing.partial.json").write_text(json.dumps(rows, indent=1), encoding="utf-8")


def _sheets(todo: Sequence[Job], images: Tensor, sheets: dict[str, Tensor], scores: Scores) -> None:
    """``editing-first.png``: the first edit of each attribute; ``editing-failed.png``: the first that failed."""
    right = scores.flipped(scores.sees(sheets["by words"]))
    first = [next(n for n, job in enumerate(todo) if job.field == f) for f in ASKED]
    failed = [next((n for n, job in enumerate(todo) if job.field == f and not right[n]), None) for f in ASKED]
    for name, chosen in (("first", first), ("failed", [n for n in failed if n is not None])):
        _sheet([todo[n] for n in chosen], list(chosen), images, sheets, right).save(OUT / f"editing-{name}.png")


def _sheet(
    some: Sequence[Job], rows: Sequence[int], images: Tensor, sheets: dict[str, Tensor], right: Sequence[bool]
) -> Image.Image:
    side, gap = 128, 6
    names = ["picture", "region", "by words", "fixed region", "whole face"]
    sheet = Image.new("RGB", (180 + len(names) * (side + gap), 24 + len(rows) * (side + gap)), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for column, name in enumerate(names):
        draw.text((180 + column * (side + gap), 4), name, "black", font)
    for line, (number, job) in enumerate(zip(rows, some, strict=True)):
        top = 24 + line * (side + gap)
        draw.text((6, top + 40), job.words, "black", font)
        draw.text((6, top + 62), "flipped" if right[number] else "not flipped", "gray", font)
        mask = sheets["by words region"][number].view(8, 8).repeat_interleave(8, 0).repeat_interleave(8, 1)
        tinted = torch.where(mask, images[number] // 2 + torch.tensor([112, 34, 61])[:, None, None], images[number])
        views = [images[number], tinted.byte(), *(sheets[name][number] for name in names[2:])]
        for column, view in enumerate(views):
            grown = Image.fromarray(view.permute(1, 2, 0).numpy()).resize((side, side), Image.Resampling.NEAREST)
            sheet.paste(grown, (180 + column * (side + gap), top))
    return sheet
