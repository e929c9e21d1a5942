"""The step `collect` for one picture: decode it, find its faces, align, measure and encode them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unif2ace.curation.collect.hashing import face_hash
from unif2ace.curation.collect.options import CollectOptions
from unif2ace.curation.collect.pictures import FoundPicture
from unif2ace.curation.detectors.base import Detector, FoundFace, Points
from unif2ace.curation.filters.base import FaceCandidate, FaceFilter
from unif2ace.curation.step import KEPT, Step, StepResult, StepUsage
from unif2ace.data.shards import Metadata, Sample, SampleFault, decode_image, encode_jpeg
from unif2ace.data.shards.images import MAX_SOURCE_PIXELS
from unif2ace.data.sources.alignment import cut_square, face_square
from unif2ace.data.sources.cells import is_missing, parse_captions, parse_name
from unif2ace.errors import DataError

_T = TypeVar("_T")
LICENSES: Final = ("license", "licence")
SOURCES: Final = ("source", "url")
_COARSEST: Final = 1.25
UNKNOWN: Final = "unknown"
"""License of a picture without a stated license."""
CAPTIONS: Final = ("caption", "captions")


class CollectStep(Step[FoundPicture]):
    """Makes samples from the faces of a picture.

    Args:
        options: Options for collecting faces.
        detector: Finds the faces.
        filters: Filters by name. The first filter that refuses a face determines its outcome.
        workers: Number of processes.
    """

    name = "collect"
    batch_size = 4

    def __init__(
        self, options: CollectOptions, detector: Detector, filters: Mapping[str, FaceFilter], workers: int = 1
    ) -> None:
        self.options, self.detector, self.filters = options, detector, dict(filters)
        self.concurrency, self.processes = max(1, workers), workers > 1
        if options.duplicates is not None:
            face_hash(np.zeros((9, 9, 3), np.uint8))  # fails before the first picture if the package is missing

    def describe(self) -> dict[str, Any]:
        """The options and the settings of the detector and the filters."""
        filters = {name: filter.describe() for name, filter in self.filters.items()}
        return {**self.options.describe(), "detector": self.detector.describe(), "filters": filters}

    def estimate(self, samples: int, first: Sequence[FoundPicture]) -> tuple[StepUsage, tuple[str, ...]]:
        """No endpoint usage; one line with the expected number of bytes to read."""
        read = sum(picture.file.length for picture in first) / max(len(first), 1) * samples
        return StepUsage(), (f"about {read / 1e6:,.0f} MB to read; nothing is sent anywhere",)

    def run(self, item: FoundPicture) -> StepResult:
        """The faces of a picture that pass all filters, as samples.

        Raises:
            SampleFault: If the picture or the JSON beside it cannot be read.
        """
        facts = item.read_facts()
        license = item.license or _first(facts, LICENSES)
        if not license and self.options.require_license:
            mend = "give license=..., licenses=TABLE or require_license=false"
            return StepResult.refused("no_license", f"the picture has no license; {mend}")
        pixels = decode_image(item.file.read(), max_side=None, max_pixels=MAX_SOURCE_PIXELS)
        faces: list[FoundFace | None] = [None] if self.detector.aligned else [*self.detector.find(pixels, facts)]
        if not faces:
            return StepResult.refused("no_face", f"no face was found in {pixels.shape[1]}x{pixels.shape[0]} pixels")
        faces = sorted(faces, key=lambda face: -face.area if face else 0.0)
        if len(faces) > 1 and self.options.faces == "refuse":
            reason = f"faces=refuse, but {len(faces)} faces were found; give faces=largest or faces=all to keep them"
            return StepResult.refused("several_faces", reason)
        chosen = faces if self.options.faces == "all" else faces[:1]
        made = [self._face(pixels, face) for face in chosen]
        notes = {"license": license or UNKNOWN, "found": len(faces), "faces": [note for _, note in made]}
        samples = tuple(
            self._sample(item, facts, license or UNKNOWN, place, candidate, note)
            for place, (candidate, note) in enumerate(made, start=1)
            if note["outcome"] == KEPT
        )
        if samples:
            return StepResult(samples, notes=notes)
        return StepResult.refused(made[0][1]["outcome"], made[0][1]["reason"], notes=notes)

    def _face(self, pixels: NDArray[np.uint8], face: FoundFace | None) -> tuple[FaceCandidate, dict[str, Any]]:
        """The aligned face, and a note with its outcome, reason, measurements and square."""
        height, width = pixels.shape[:2]
        square = central_square(width, height) if face is None else ffhq_square(face)
        aligned = cut_face(pixels, square, self.options.size)
        candidate = FaceCandidate(aligned, square, width, height, face)
        measures: dict[str, float | None] = {}
        outcome, reason = KEPT, ""
        for name, filter in self.filters.items():
            value = filter.measure(candidate)
            measures[name] = None if value is None else round(value, 4)
            if outcome == KEPT and (why := filter.refusal(value)):
                outcome, reason = name, why
        note = {"outcome": outcome, "reason": reason, "measures": measures, "square": np.round(square, 2).tolist()}
        return candidate, note

    def _sample(
        self,
        picture: FoundPicture,
        facts: Mapping[str, Any],
        license: str,
        place: int,
        candidate: FaceCandidate,
        note: Mapping[str, Any],
    ) -> Sample:
        key = f"{picture.key}-f{place}" if self.options.faces == "all" else picture.key
        caption, *captions = _parsed(parse_captions, facts, CAPTIONS) or (None,)
        origin = picture.source or _first(facts, SOURCES)
        face, found = candidate.face, {"square": note["square"], "measures": note["measures"]}
        if face is not None:
            found |= {"landmarks": np.round(face.landmarks, 2).tolist(), "score": round(face.score, 4)}
        if self.options.duplicates is not None:
            found["hash"] = face_hash(candidate.pixels)
        metadata = Metadata(
            source=self.options.name,
            license=license,
            caption=caption,
            captions=tuple(text for text in captions if text),
            provenance={
                "file": picture.name,
                **({"source": origin} if origin else {}),
                "face": found,
                "steps": [self.name],
            },
            identity=picture.identity or identity_of(facts),
        )
        return Sample(key, encode_jpeg(candidate.pixels, self.options.quality), "jpg", metadata)


def central_square(width: int, height: int) -> Points:
    """Corners of the largest central square, float64 (4, 2)."""
    side, x, y = min(width, height), (width - min(width, height)) / 2, (height - min(width, height)) / 2
    return np.array([[x, y], [x, y + side], [x + side, y + side], [x + side, y]], np.float64)


def ffhq_square(face: FoundFace) -> Points:
    """Corners of FFHQ's alignment square for a face, float64 (4, 2)."""
    left_eye, right_eye, _, left_mouth, right_mouth = face.landmarks
    return face_square(left_eye, right_eye, (left_mouth + right_mouth) / 2)


def cut_face(pixels: NDArray[np.uint8], square: Points, size: int) -> NDArray[np.uint8]:
    """Crops a rotated square and resizes it to uint8 (size, size, 3). Only pixels near the square are processed.

    Args:
        pixels: RGB picture, uint8 (H, W, 3).
        square: Corners in pixels of the picture, float64 (4, 2).
        size: Side of the result in pixels.
    """
    height, width = pixels.shape[:2]
    if np.array_equal(square, central_square(width, height)):
        side, (x, y) = min(width, height), square[0].tolist()
        box = (x, y, x + side, y + side)
        return np.asarray(Image.fromarray(pixels).resize((size, size), Image.Resampling.LANCZOS, box))
    left, top = np.clip(np.floor(square.min(axis=0)).astype(int) - 4, 0, (width - 1, height - 1)).tolist()
    right, bottom = np.clip(np.ceil(square.max(axis=0)).astype(int) + 4, (left + 1, top + 1), (width, height)).tolist()
    region, corners = pixels[top:bottom, left:right], square - (left, top)
    shrink = int(np.hypot(*(square[3] - square[0])) / size)
    if shrink > 1:  # a mean over whole pixels is far faster than the cubic filter over as many
        region, corners = np.asarray(Image.fromarray(region).reduce(shrink)), corners / shrink
    return cut_square(region, corners, size, _COARSEST)


def identity_of(facts: Mapping[str, Any]) -> str | None:
    """The entry ``identity`` of the JSON beside a picture; None if there is no such entry.

    Raises:
        SampleFault: If the entry is not a name.
    """
    return _parsed(parse_name, facts, ("identity",))


def _parsed(parse: Callable[[object], _T], facts: Mapping[str, Any], names: Sequence[str]) -> _T | None:
    """Parses the first of the named entries that exists; None if there is none."""
    name = next((name for name in names if name in facts), None)
    if name is None:
        return None
    try:
        return parse(facts[name])
    except DataError as error:
        raise SampleFault("schema", f"entry {name!r} of the JSON beside the picture: {error}") from error


def _first(facts: Mapping[str, Any], names: Sequence[str]) -> str:
    """The first of the named entries that is not empty; an empty string if there is none."""
    return next((str(facts[name]).strip() for name in names if not is_missing(facts.get(name))), "")
