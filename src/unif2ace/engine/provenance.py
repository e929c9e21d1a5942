"""Provenance of a network: its data, code and versions."""

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
    """Names and fingerprints of the data sets, and the size of their images.

    Args:
        datasets: Data sets by name, which exist already.

    Returns:
        ``data``: for each data set the folder's name and, for each split, number of samples and fingerprint;
        ``image_size``: height and width of the first readable image, in pixels; empty if there is none.
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
    """Height and width of the first image that can be read; empty if there is none."""
    from unif2ace.data.shards import SampleFault

    for index in range(len(reader)):
        with contextlib.suppress(SampleFault):
            return [*reader.image(index).shape[:2]]
    return []


def code_provenance() -> dict[str, Any]:
    """Commit and versions, without information about the machine."""
    return {name: value for name, value in environment().items() if name not in ("argv", "command", "platform")}


def plain_metrics(metrics: Mapping[str, Any]) -> dict[str, float | None]:
    """Logged values as numbers that JSON supports; None for values that are not finite."""
    values = {name: float(value) for name, value in metrics.items()}
    return {name: value if math.isfinite(value) else None for name, value in sorted(values.items())}
