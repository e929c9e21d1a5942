"""Reading of shards: speed relative to decoding the same JPEG bytes from memory, memory use, and loading of the index.

All work runs in this process without workers, and samples are read in shuffled order. The readers alternate over
several rounds, so that other load on the machine affects all of them alike. Medians over the rounds are reported.
"""

from __future__ import annotations

import dataclasses
import gc
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg

from unif2ace.data.build import BuildOptions, build_shards
from unif2ace.data.permutation import permutation
from unif2ace.data.shards import ShardReader, load_index
from unif2ace.data.shards.index import Index, ShardInfo
from unif2ace.data.shards.indexing import write_index
from unif2ace.data.shards.sample_locations import places_dtype
from unif2ace.data.shards.secure import secured_webdataset
from unif2ace.data.sources.synthetic import SyntheticSource

COMMAND = "python -m benchmarks reading"
SAMPLES, SIDE, ROUNDS = 2000, 128, 7


def main() -> list[dict[str, Any]]:
    """Returns the result rows with figure, value, unit, target and command."""
    with tempfile.TemporaryDirectory() as folder:
        _write_shards(Path(folder) / "faces")
        shards = Path(folder) / "faces" / "train"
        return [*_speed(shards), *_memory(shards), *_index(Path(folder) / "index")]


def _row(figure: str, value: float, unit: str, target: str = "") -> dict[str, Any]:
    return {"figure": figure, "value": value, "unit": unit, "target": target, "command": COMMAND}


def _write_shards(folder: Path) -> None:
    """Writes shards of synthetic faces with captions and questions, like `unif2ace-data build`."""
    source = SyntheticSource(num_samples=SAMPLES, size=SIDE)
    build_shards(source, folder, BuildOptions(validation=0, vocab_size=300), workers=os.cpu_count() or 1)


def _speed(folder: Path) -> list[dict[str, Any]]:
    reader = ShardReader(folder)
    order = permutation(len(reader), 0, 0).tolist()
    samples = [reader[index] for index in order]
    jpegs = [sample.image for sample in samples]
    paths = [str(path) for path in sorted(folder.glob("*.tar"))]
    wds = secured_webdataset()

    def fast(key: str, data: bytes) -> Any:
        return simplejpeg.decode_jpeg(data) if key.endswith(".jpg") else None

    def full() -> None:
        for index in order:
            sample = reader.decoded(index)
            assert sample.metadata.caption
            assert sample.metadata.qa[0].answer

    ways: dict[str, Callable[[], Any]] = {
        "bare": lambda: [simplejpeg.decode_jpeg(data) is None for data in jpegs],
        "images": lambda: [reader.image(index) is None for index in order],
        "full": full,
        "webdataset, simplejpeg": lambda: sum(1 for _ in wds.WebDataset(paths, shardshuffle=False).decode(fast)),
        "webdataset, its decoder": lambda: sum(1 for _ in wds.WebDataset(paths, shardshuffle=False).decode("rgb8")),
    }
    times = _cpu_seconds(ways)
    bare = times["bare"]
    rate = {name: statistics.median(b / t for b, t in zip(bare, ts, strict=True)) for name, ts in times.items()}
    micro = {name: statistics.median(ts) / SAMPLES * 1e6 for name, ts in times.items()}
    return [
        _row("mean JPEG", statistics.mean(map(len, jpegs)), "bytes"),
        _row("mean KEY.json", statistics.mean(len(s.metadata.encode()) for s in samples), "bytes"),
        _row("bare simplejpeg, in memory", micro["bare"], "CPU us per picture"),
        _row("our reader, picture alone", micro["images"], "CPU us per picture"),
        _row("our reader, picture with its text", micro["full"], "CPU us per sample"),
        _row("speed of the picture alone to bare decoding", rate["images"], "ratio", ">= 0.8"),
        _row("speed of the sample with its text to bare decoding", rate["full"], "ratio", ">= 0.6"),
        _row("webdataset with simplejpeg and JSON to bare decoding", rate["webdataset, simplejpeg"], "ratio"),
        _row("webdataset with its own decoder to bare decoding", rate["webdataset, its decoder"], "ratio"),
    ]


def _cpu_seconds(ways: dict[str, Callable[[], Any]]) -> dict[str, list[float]]:
    """CPU seconds of each reader in each round, without the first round, which fills caches and imports modules."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(ROUNDS + 1):
        for name, way in ways.items():
            gc.collect()
            start = time.process_time()
            way()
            if turn:
                times[name].append(time.process_time() - start)
    return times


def _memory(folder: Path) -> list[dict[str, Any]]:
    reader = ShardReader(folder)
    resident: list[int] = []
    for epoch in range(4):  # the first fills caches that stay filled
        for index in permutation(len(reader), 0, epoch).tolist():
            reader.decoded(index)
        gc.collect()
        resident.append(int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"))
    growth = 100 * (resident[-1] - resident[0]) / resident[0]
    return [_row("growth of memory over three epochs", growth, "%", "< 2")]


def _index(folder: Path, samples: int = 1_000_000) -> list[dict[str, Any]]:
    """Measures loading the index of a data set with one million samples in a thousand shards."""
    folder.mkdir()
    places = np.zeros(samples, places_dtype(2, 24))
    places["key"] = np.char.add(b"procedural-0-", np.char.zfill(np.arange(samples).astype("S8"), 8))
    places["shard"] = np.arange(samples) // 1000
    for column, start, length in ((0, 512, 6000), (1, 7168, 3500)):
        places[f"offset{column}"] = start + np.arange(samples) % 1000 * 12_288
        places[f"length{column}"] = length
    shards = tuple(ShardInfo(f"shard-{n:06d}.tar", 12_288_000 + 10_240, "0" * 64, 1000) for n in range(samples // 1000))
    index = Index(folder, shards, ("jpg", "json"), places, ("image", "json"))
    write_index(dataclasses.replace(index, conforming=samples))
    times = []
    for _ in range(3):
        start = time.process_time()
        load_index(folder)
        times.append(time.process_time() - start)
    size = sum(path.stat().st_size for path in folder.iterdir())
    return [
        _row("loading and checking the index of a million samples", statistics.median(times), "CPU s", "< 1"),
        _row("index of a million samples", size / samples, "bytes per sample"),
    ]
