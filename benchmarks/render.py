"""Rendering of synthetic faces: speed on one core, and error relative to an 8x supersampled image.

Image sizes alternate over several rounds, and the median over the rounds is reported. Each face is newly sampled with
all attributes and nuisance variables, as in a data set. The error is the RMS error without image noise, in 8-bit
levels.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unif2ace.synthetic import render, sample_face

COMMAND = "python -m benchmarks render"
SIZES, ROUNDS, COMPARED = {64: 256, 128: 64, 256: 16}, 7, 48
TARGETS = {64: ">= 250", 128: ">= 80"}


def main() -> list[dict[str, Any]]:
    """Returns the result rows with figure, value, unit, target and command."""
    return [*_speed(), *_error()]


def _row(figure: str, value: float, unit: str, target: str = "") -> dict[str, Any]:
    return {"figure": figure, "value": value, "unit": unit, "target": target, "command": COMMAND}


def _speed() -> Iterator[dict[str, Any]]:
    seeds = count()
    rates: dict[int, list[float]] = {size: [] for size in SIZES}
    records: list[float] = []
    for turn in range(ROUNDS + 1):
        for size, number in SIZES.items():
            start = time.process_time()
            faces = [sample_face(next(seeds)) for _ in range(number)]
            sampled = time.process_time()
            render(faces, size)
            if turn:  # the first round fills tables
                rates[size].append(number / (time.process_time() - start))
                records.append((sampled - start) / number)
    for size, values in rates.items():
        yield _row(
            f"faces sampled and rendered at {size} pixels", statistics.median(values), "1/CPU s", TARGETS.get(size, "")
        )
    yield _row("sampling one face", statistics.median(records) * 1e6, "CPU us")


def _error() -> Iterator[dict[str, Any]]:
    faces = [sample_face(seed) for seed in range(COMPARED)]
    for size in (64, 128):
        exact = render(faces, size, supersample=8, noise=False).astype(np.float64)
        step = min(8, 512 // size)
        points = render(faces, size * step, noise=False)[:, step // 2 :: step, step // 2 :: step]
        jagged = _rms(points, exact)
        for supersample in (1, 2):
            error = _rms(render(faces, size, supersample=supersample, noise=False), exact)
            yield _row(f"error of edges at {size} pixels, {supersample}x supersampled", error, "RMS levels")
            yield _row(
                f"the same, of that without any smoothing, {size} pixels, {supersample}x", error / jagged, "share"
            )


def _rms(rendered: NDArray[np.uint8], exact: NDArray[np.float64]) -> float:
    return float(np.sqrt(((rendered - exact) ** 2).mean(axis=(1, 2, 3))).mean())


if __name__ == "__main__":
    for row in main():
        print(f"{row['figure']}: {row['value']:.4g} {row['unit']} {row['target']}")
