"""Editing by words, measured: 200 synthetic faces, one or two of ten attributes asked of each, against two baselines.

The package's model edits faces that it was not trained on; the package's evaluator, which the model does not use, sees
whether the asked attribute changed and whether all others stayed. Two edits that no model can beat stand beside: the
face rendered again with the attribute, and the same through the image tokenizer.

- *flipped*: share of the edits after which the evaluator sees the asked value, as a mean over the attributes.
- *kept, present* and *kept, absent*: share of the other labels that the evaluator saw (did not see) in the picture and
  still sees (does not see). Labels that change with the asked one in the renderer do not count.
- *tokens*: share of the tokens that were sampled again.
- *identity*: share of the other originals that are farther from the edited face than its own original is, by the face
  network of the extra `identity`. Faces that the network does not find do not count. `scripts/identity_separation.py`
  measures how well the network tells the renderer's persons apart.

``python -m benchmarks editing`` writes two sheets beside its table. Finished edits are in ``logs/bench/editing.jsonl``:
the same command goes on after any end, and ``UNIF2ACE_MINUTES=5`` ends it by itself. ``UNIF2ACE_EDITS=100`` makes fewer
than 400 edits: the first 200 ask one attribute of each face, all others a second one.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from unif2ace.attributes import TAXONOMY
from unif2ace.data.sources.synthetic import SyntheticSource
from unif2ace.errors import ConfigError
from unif2ace.evaluation.evaluator import load_evaluator
from unif2ace.inference.edit_regions.box import BoxRegion
from unif2ace.inference.edit_regions.prediction_difference import PredictionDifference
from unif2ace.inference.editing import FaceEditor, paste_region
from unif2ace.inference.loading import load_model
from unif2ace.language.instructions import known_record
from unif2ace.nets.visual_encoders.identity import IdentityEncoder
from unif2ace.synthetic import Face, render

COMMAND = "python -m benchmarks editing"
FACES, SEED, OUT = 200, 4242, Path("logs") / "bench"
EDITS = int(os.environ.get("UNIF2ACE_EDITS", str(2 * FACES)))
MINUTES = float(os.environ.get("UNIF2ACE_MINUTES", "inf"))
CHUNK = 8  # edits at a time
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
    """One edit of each face, the attributes in turn; then a second one."""
    source = SyntheticSource(num_samples=2 * FACES, seed=SEED, size=64)
    found = []
    for number in range(EDITS):
        again, place = divmod(number, FACES)
        face, field = source.face(2 * place), ASKED[(place + 3 * again) % len(ASKED)]
        now = face.drawn[field]
        if field in FLAGS:
            found.append(Job(face, field, not now, f"{'without' if now else 'with'} {FLAGS[field].removeprefix('a ')}"))
        else:
            value = VALUES[field][now == VALUES[field][0]]
            found.append(Job(face, field, value, f"{value} hair"))
    return found


def pictures(faces: Sequence[Face]) -> Tensor:
    return torch.from_numpy(np.stack(list(render(faces, 64)))).permute(0, 3, 1, 2).contiguous()


class Made(NamedTuple):
    """A finished edit: its codes and region, both of N numbers, and what it took."""

    codes: list[int]
    region: list[int]
    attempts: int
    confirmed: bool | None
    seconds: float


class Journal:
    """Finished edits by way and number, in a file."""

    def __init__(self, path: Path, about: dict[str, Any]) -> None:
        self.path, self.made = path, dict[tuple[str, int], Made]()
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []
        if lines and lines[0] != about:
            raise SystemExit(f"{path} is of another model or other settings: delete it")
        if not lines:
            path.write_text(json.dumps(about) + "\n")
        for way, number, *made in lines[1:]:
            self.made[way, number] = Made(*made)

    def add(self, way: str, numbers: Sequence[int], made: Sequence[Made]) -> None:
        with self.path.open("a") as file:
            for number, one in zip(numbers, made, strict=True):
                file.write(json.dumps([way, number, *one]) + "\n")
                self.made[way, number] = one


def make_edits(model: Any, todo: Sequence[Job], journal: Journal) -> None:
    """Makes the edits that are not in the journal, in all ways."""
    started = time.perf_counter()
    for first in range(0, len(todo), CHUNK):
        chunk = range(first, min(first + CHUNK, len(todo)))
        left = [way for way in WAYS if any((way, n) not in journal.made for n in chunk)]
        if not left:
            continue
        images = pictures([todo[n].face for n in chunk])
        records = [known_record(text) for text in model.caption(images)]
        for way in left:
            if time.perf_counter() - started > 60 * MINUTES:
                raise SystemExit(f"{first} of {len(todo)} edits are made: run the same command again")
            editor, begun = Recording(model, **WAYS[way]), time.perf_counter()
            done = editor.edit(images, [todo[n].words for n in chunk], chunk, records)
            seconds = (time.perf_counter() - begun) / len(chunk)
            rows = zip(done.codes.tolist(), done.region.int().tolist(), done.attempts, done.confirmed, strict=True)
            if editor.first is not None and editor.attempts > 1:
                journal.add(f"{way}, first attempt", chunk, editor.first)
            journal.add(way, chunk, [Made(*row, seconds) for row in rows])


class Recording(FaceEditor):
    """An editor that remembers the first attempts."""

    first: list[Made] | None = None

    def _confirm(self, made: Any, wanted: Any) -> None:
        super()._confirm(made, wanted)
        if self.first is None:
            self.first = [Made(m.codes.tolist(), m.region.int().tolist(), 1, m.confirmed, 0.0) for m in made.values()]


WAYS: dict[str, dict[str, Any]] = {
    "by words": {"attempts": 3},
    "fixed region": {"region": BoxRegion(FACE_BOX)},
    "whole face": {"region": BoxRegion((0, 0, 1, 1))},
}


class Scores:
    """Scores edits with the package's evaluator."""

    def __init__(self, todo: Sequence[Job], before: Tensor, used: Any) -> None:
        self.todo, self._evaluator = todo, load_evaluator("builtin", used)
        self._before = self._evaluator.sees(before)[0]

    def __call__(self, images: Tensor) -> dict[str, float]:
        seen = self._evaluator.sees(images)[0]
        right = self.flipped(seen)
        by_field = {
            f"flipped {field}": np.mean([r for r, job in zip(right, self.todo, strict=True) if job.field == field])
            for field in dict.fromkeys(job.field for job in self.todo)
        }
        pairs = [(self._before[n, x], seen[n, x]) for n, job in enumerate(self.todo) for x in job.others]
        present, absent = ([bool(b) == bool(a) for b, a in pairs if bool(b) == value] for value in (True, False))
        found = {"flipped": np.mean(right), "kept, present": np.mean(present), "kept, absent": np.mean(absent)}
        return {name: float(value) for name, value in {**found, **by_field}.items()}

    def flipped(self, seen: Tensor) -> list[bool]:
        return [all(bool(seen[n, x]) == want for x, want in job.labels) for n, job in enumerate(self.todo)]

    def sees(self, images: Tensor) -> Tensor:
        return self._evaluator.sees(images)[0]


class Identity:
    """How much closer an edited face is to its original than to other persons; nothing without the extra `identity`."""

    def __init__(self, before: Tensor) -> None:
        try:
            self._network: IdentityEncoder | None = IdentityEncoder()
        except ConfigError as error:
            print(f"identity is not measured: {error}")
            self._network = None
            return
        self._before, self._there = self._vectors(before)

    def _vectors(self, images: Tensor) -> tuple[Tensor, Tensor]:
        assert self._network is not None
        found = self._network(images)
        return found.values[:, 0], found.present

    def __call__(self, images: Tensor) -> dict[str, float]:
        if self._network is None:
            return {}
        after, found = self._vectors(images)
        distance = torch.cdist(after, self._before)
        rows = [
            float((distance[n, others] > distance[n, n]).double().mean())
            for n in (found & self._there).nonzero().flatten().tolist()
            if (others := self._there & (torch.arange(len(images)) != n)).any()
        ]
        return {"identity": float(np.mean(rows)), "identity, faces found": len(rows) / len(images)}


def main() -> list[dict[str, Any]]:
    """Rows of figure, value, unit, target and command."""
    torch.set_num_threads(1)
    model, todo = load_model("builtin", device="cpu"), jobs()
    ways = {way: str({k: vars(v) if k == "region" else v for k, v in given.items()}) for way, given in WAYS.items()}
    about = {
        "model": model.fingerprint,
        "seed": SEED,
        "faces": FACES,
        "ways": ways,
        "region": str(vars(PredictionDifference())),
    }
    journal = Journal(OUT / "editing.jsonl", about)
    make_edits(model, todo, journal)
    images, targets = (pictures([getattr(job, of) for job in todo]) for of in ("face", "target"))
    scores, identity = Scores(todo, images, model.release.components), Identity(images)
    rows = [row for name, views in (("picture, not edited", images), ("rendered again", targets)) for kind, shown in (
        ("", views), (", through the tokenizer", decoded(model, model.encode(views)))
    ) for row in _rows(name + kind, {**scores(shown), **identity(shown)})]  # fmt: skip
    sheets: dict[str, Tensor] = {}
    grid = FaceEditor(model).grid
    for way in dict.fromkeys(way for way, _ in journal.made):
        made = [journal.made[way, number] for number in range(len(todo))]
        region = torch.tensor([one.region for one in made]).bool()
        plain = decoded(model, torch.tensor([one.codes for one in made]))
        sheets[way] = paste_region(images, plain, region, grid)
        sheets[f"{way} region"] = region
        more = {
            "tokens": float(region.double().mean()),
            "confirmed": float(np.mean([one.confirmed is True for one in made])),
            "attempts": float(np.mean([one.attempts for one in made])),
            "seconds per edit": float(np.mean([one.seconds for one in made])),
        }
        rows += _rows(way, {**scores(sheets[way]), **identity(sheets[way]), **more})
        rows += _rows(f"{way}, not pasted", scores(plain))
    _sheets(todo, images, sheets, scores)
    return rows


def decoded(model: Any, codes: Tensor) -> Tensor:
    return torch.cat([model.decode(codes[n : n + 32]) for n in range(0, len(codes), 32)])


def _rows(way: str, values: dict[str, float]) -> list[dict[str, Any]]:
    units = {"attempts": "", "seconds per edit": "s"}
    return [
        {"figure": f"{way}: {name}", "value": x, "unit": units.get(name, "share"), "target": "", "command": COMMAND}
        for name, x in values.items()
    ]


def _sheets(todo: Sequence[Job], images: Tensor, sheets: dict[str, Tensor], scores: Scores) -> None:
    """``editing-first.png``: the first edit of each attribute; ``editing-failed.png``: the first that failed."""
    right = scores.flipped(scores.sees(sheets["by words"]))
    asked = list(dict.fromkeys(job.field for job in todo))
    first = [next(n for n, job in enumerate(todo) if job.field == f) for f in asked]
    failed = [next((n for n, job in enumerate(todo) if job.field == f and not right[n]), None) for f in asked]
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
