"""Speed of `collect` relative to its face detector, in images per CPU second on one core; needs the extra `collect`.

An image is a rendered face on a textured wall, as a JPEG file of quality 90. The detector receives decoded pixels.
`collect` reads, decodes, detects, aligns, filters and encodes, writes its journal, and writes the shard and the index.
"""

from __future__ import annotations

import io
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from unif2ace.curation.collect.collect import CollectStep
from unif2ace.curation.collect.duplicates import HeldOut
from unif2ace.curation.collect.licenses import with_licenses
from unif2ace.curation.collect.options import CollectOptions
from unif2ace.curation.collect.pictures import find_pictures
from unif2ace.curation.collect.running import Collection, collect
from unif2ace.curation.detectors.dlib import DlibDetector
from unif2ace.curation.filters.border import BorderFilter
from unif2ace.curation.filters.exposure import ExposureFilter
from unif2ace.curation.filters.pose import PoseFilter
from unif2ace.curation.filters.resolution import ResolutionFilter
from unif2ace.curation.filters.sharpness import SharpnessFilter
from unif2ace.curation.part import StepPart
from unif2ace.data.shards import decode_image
from unif2ace.synthetic import render, sample_face

COMMAND = "python -m benchmarks collecting"
SIZES = {"128x128": (128, 128, 24), "1280x960": (1280, 960, 8), "4000x3000 (12 MP)": (4000, 3000, 6)}
ROUNDS = 3


def picture(seed: int, width: int, height: int) -> bytes:
    """A JPEG of a face in front of a wall. The face fills 0.6 of the image height, or all of it below 256 pixels."""
    small = np.random.default_rng(seed).integers(60, 200, (6, 8, 3), dtype=np.uint8)
    wall = Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)
    side = height if height < 256 else round(0.6 * height)
    face = Image.fromarray(render([sample_face(seed)], 256)[0]).resize((side, side), Image.Resampling.LANCZOS)
    wall.paste(face, ((width - side) // 2, (height - side) // 2))
    out = io.BytesIO()
    wall.save(out, "JPEG", quality=90)
    return out.getvalue()


def main() -> list[dict[str, Any]]:
    """Returns the result rows with figure, value, unit, target and command."""
    torch.set_num_threads(1)
    rows = []
    with tempfile.TemporaryDirectory() as place:
        for name, (width, height, count) in SIZES.items():
            source = Path(place, name)
            source.mkdir()
            files = [picture(seed, width, height) for seed in range(count)]
            for number, data in enumerate(files):
                (source / f"{number}.jpg").write_bytes(data)
            alone, whole = [], []
            for again in range(ROUNDS):
                alone.append(count / detect(files))
                whole.append(count / run_collect(source, Path(place, f"{name}-{again}")))
            values = {"detector alone": np.median(alone), "collect": np.median(whole)}
            rows += [_row(f"{name}: {way}", float(value), "1/s", "") for way, value in values.items()]
            ratios = [a / b for a, b in zip(whole, alone, strict=True)]
            rows.append(_row(f"{name}: collect / detector", float(np.median(ratios)), "ratio", ">= 0.8"))
    return rows


def detect(files: list[bytes]) -> float:
    """CPU seconds of the detector for all files, without decoding."""
    detector = DlibDetector()
    pixels = [decode_image(data, max_side=None) for data in files]
    detector.find(pixels[0], {})  # reads the weights
    start = time.process_time()
    for one in pixels:
        detector.find(one, {})
    return time.process_time() - start


def run_collect(source: Path, out: Path) -> float:
    """CPU seconds of `collect` for a folder of images."""
    options = CollectOptions(validation=0.0)
    filters = (
        ResolutionFilter(1),
        SharpnessFilter(0),
        ExposureFilter(0),
        PoseFilter(None, 100),
        BorderFilter(None, 100),
    )
    detector = DlibDetector()
    detector.find(np.zeros((64, 64, 3), np.uint8), {})
    step = CollectStep(options, detector, {filter.name: filter for filter in filters})
    start = time.process_time()
    found = find_pictures(source, options.name)
    pictures = with_licenses(found.pictures, source, None, "CC0-1.0")
    collect(step, Collection(found, pictures, out, options, HeldOut(())), StepPart())
    return time.process_time() - start


def _row(figure: str, value: float, unit: str, target: str) -> dict[str, Any]:
    return {"figure": figure, "value": value, "unit": unit, "target": target, "command": COMMAND}
