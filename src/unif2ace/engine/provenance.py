"""Collects the provenance of a network: data sets, code and package versions."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from unif2ace.engine.snapshot import environment

if TYPE_CHECKING:
    from unif2ace.data.datasets.shards import ShardDataset, Split
    from unif2ace.data.shards import ShardReader

SPLITS: tuple[Split, ...] = ("train", "val")


def data_provenance(datasets: Mapping[str, ShardDataset]) -> dict[str, Any]:
    """Describes the data sets and the size of their images.

    Args:
        datasets: Data sets by name. They must have been built.

    Returns:
        ``data``: folder name of each data set, and number of samples and fingerprint of each split.
        ``image_size``: [height, width] in pixels of the first readable image; empty if no image is readable.
    """
    from unif2ace.data.shards import Rules
    from unif2ace.data.shards.fingerprint import index_fingerprint

    described: dict[str, Any] = {}
    size: list[int] = []
    for name, dataset in datasets.items():
        described[name] = {"folder": dataset.folder.name}
        for split in SPLITS:
            reader = dataset.open(split, Rules())
            if reader is None:
                continue
            described[name][split] = {"samples": len(reader), "fingerprint": index_fingerprint(reader.index)}
            size = size or _image_size(reader)
    return {"data": described, "image_size": size}


def _image_size(reader: ShardReader) -> list[int]:
    """[height, width] in pixels of the first readable image; empty if no image is readable."""
    from unif2ace.data.shards import SampleFault

    for index in range(len(reader)):
        with contextlib.suppress(SampleFault):
            return [*reader.image(index).shape[:2]]
    return []


def code_provenance() -> dict[str, Any]:
    """Git commit and package versions, without the command line and the machine."""
    return {name: value for name, value in environment().items() if name not in ("argv", "command", "platform")}


def plain_metrics(metrics: Mapping[str, Any]) -> dict[str, float | None]:
    """Logged values as JSON numbers; NaN and infinite values become None."""
    values = {name: float(value) for name, value in metrics.items()}
    return {name: value if math.isfinite(value) else None for name, value in sorted(values.items())}
