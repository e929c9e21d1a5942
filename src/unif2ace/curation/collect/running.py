"""Runs `collect` over a folder of pictures: splits them, writes shards and removes near-duplicates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any

from unif2ace.curation.collect.collect import CollectStep, identity_of
from unif2ace.curation.collect.duplicates import HeldOut, remove_duplicates, written_faces
from unif2ace.curation.collect.options import CollectOptions
from unif2ace.curation.collect.pictures import FoundPicture, FoundPictures
from unif2ace.curation.output import StepFolder
from unif2ace.curation.part import StepPart
from unif2ace.curation.running import StepRun, estimate_step, run_step
from unif2ace.curation.step import Estimate, StepUsage
from unif2ace.data.shards import Progress, SampleFault

Runner = Callable[..., StepRun]
SPLITS = ("train", "val")


class PictureInput:
    """Pictures in shards of equal size, as the input of a step.

    Args:
        pictures: The pictures.
        per_shard: Number of pictures per shard; the last shard may have fewer.
        described: Fingerprints of the pictures, licenses and held-out faces.
    """

    def __init__(self, pictures: Sequence[FoundPicture], per_shard: int, described: dict[str, Any]) -> None:
        self._shards = [pictures[start : start + per_shard] for start in range(0, len(pictures), per_shard)]
        self._described = described

    def __len__(self) -> int:
        return len(self._shards)

    def keys(self, shard: int) -> list[str]:
        """Keys of the pictures of a shard."""
        return [picture.key for picture in self._shards[shard]]

    def read(self, shard: int, place: int) -> FoundPicture:
        """Picture number `place` of a shard. The step reads its bytes later."""
        return self._shards[shard][place]

    def describe(self) -> dict[str, Any]:
        """The fingerprints of the input."""
        return self._described


@dataclass(frozen=True, slots=True)
class Collection:
    """Pictures to collect faces from, and the output folder.

    Attributes:
        found: Pictures found below the input folder.
        pictures: The same pictures with their licenses.
        folder: Output folder; gets ``train/`` and ``val/``.
        options: Options for collecting faces.
        held_out: Faces that must not be in the data set.
    """

    found: FoundPictures
    pictures: Sequence[FoundPicture]
    folder: Path
    options: CollectOptions
    held_out: HeldOut

    def splits(self) -> dict[str, PictureInput]:
        """Input of each split. A split without pictures is left out."""
        parts: dict[str, list[FoundPicture]] = {split: [] for split in SPLITS}
        for picture in self.pictures:
            parts[self._split(picture)].append(picture)
        terms = blake2b(digest_size=16)
        for picture in self.pictures:
            terms.update(f"{picture.license}\0{picture.source}\0{picture.identity}\n".encode())
        inputs = {"pictures": self.found.fingerprint(), "licenses": terms.hexdigest()}
        described = {**inputs, "held_out": self.held_out.describe()}
        per_shard = self.options.pictures_per_shard
        return {split: PictureInput(part, per_shard, described) for split, part in parts.items() if part}

    def _split(self, picture: FoundPicture) -> str:
        """``val`` for a share of the identities. A picture without an identity counts as its own identity."""
        if not self.options.validation:
            return "train"
        person = picture.identity
        if not person and picture.facts:
            try:
                person = identity_of(picture.read_facts()) or ""
            except SampleFault:  # is left out later
                person = ""
        digest = blake2b(f"{self.options.seed}/{(person or picture.key).casefold()}".encode(), digest_size=8).digest()
        return "val" if int.from_bytes(digest, "big") / 2**64 < self.options.validation else "train"


def estimate_collect(step: CollectStep, what: Collection, part: StepPart) -> Estimate:
    """Estimates what `collect` would do, without writing anything.

    Args:
        step: The step.
        what: The pictures and the output folder.
        part: Which shards to process.
    """
    parts = [estimate_step(step, inputs, what.folder / split, part) for split, inputs in what.splits().items()]
    usage = sum((one.usage for one in parts), StepUsage())
    samples, finished = sum(one.samples for one in parts), sum(one.finished for one in parts)
    return Estimate(samples, finished, usage, step.estimate(samples, what.pictures[:64])[1])


def collect(
    step: CollectStep, what: Collection, part: StepPart, progress: Progress | None = None, run: Runner = run_step
) -> list[StepRun]:
    """Collects the faces of one part. Pictures that an earlier run finished are not repeated.

    The part that finishes last removes near-duplicates, first from ``train/`` and then from ``val/``, and writes the
    indices of both folders.

    Args:
        step: The step.
        what: The pictures and the output folder.
        part: Which shards to process.
        progress: Called after every picture, or after every shard with Ray.
        run: `run_step` or `run_step_on_ray`.

    Returns:
        The results of this run for each split.

    Raises:
        DataError: If the output folder holds the result of other settings, or if no face is left.
    """
    inputs = what.splits()
    total = estimate_collect(step, what, part).samples if progress else 0
    runs: list[StepRun] = []
    for split, given in inputs.items():
        runs.append(run(step, given, what.folder / split, part, _onward(progress, runs, total), finish=False))
    finished: list[bool] = []
    for split, given in inputs.items():
        out = StepFolder(what.folder / split, step, given)
        finished.append(all(finished) and out.finish(partial(_remove, what, split)))
    return [StepRun(r.folder, r.done, r.outcomes, r.usage, f) for r, f in zip(runs, finished, strict=True)]


def _onward(progress: Progress | None, before: Sequence[StepRun], total: int) -> Progress | None:
    """Progress of one split, counted on from the splits before it; None if there is no `progress`."""
    if progress is None:
        return None
    done = sum(run.done for run in before)
    return lambda number, _, what: progress(done + number, total, what)


def _remove(what: Collection, split: str) -> None:
    if what.options.duplicates is None:
        return
    known = [*what.held_out.faces(), *(written_faces(what.folder / "train") if split == "val" else ())]
    remove_duplicates(what.folder / split, what.options.duplicates, known)
