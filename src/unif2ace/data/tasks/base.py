"""The row that a view makes, and what a view offers."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from unif2ace.attributes import TAXONOMY, Label
from unif2ace.data.shards import DecodedSample
from unif2ace.types import Task


@dataclass(frozen=True, slots=True)
class TaskSample:
    """One row before it is collated.

    Attributes:
        task: What it trains.
        key: The sample's name.
        image: uint8 (H, W, 3), contiguous; (0, 0, 3) where only tokens are read.
        attributes: int8 (A,), see `Batch.attributes`.
        prompt: Caption or question; empty for none.
        answer: What to say; empty for none.
        turns: Further questions, each with what to say, that follow on the first answer.
        image_ids: int64 (N,), tokens of the picture, or None where they are not read; not the view's concern.
    """

    task: Task
    key: str
    image: NDArray[np.uint8]
    attributes: NDArray[np.int8]
    prompt: str = ""
    answer: str = ""
    turns: tuple[tuple[str, str], ...] = ()
    image_ids: NDArray[np.int64] | None = None


class TrainingTask(Protocol):
    """Takes from a sample what one task trains on.

    Attributes:
        task: What its rows train.
        rows: Global rows per step.
        needs_text: Whether samples without captions or questions are of no use to it.
    """

    task: Task
    batch_size: int
    needs_text: bool

    def __call__(self, sample: DecodedSample, draw: random.Random) -> TaskSample:
        """One row of a sample; `draw` is the row's own randomness, the same under any number of processes.

        Raises:
            DataError: If the sample lacks what the view needs.
        """


def attribute_labels(known: Mapping[str, str | bool | None]) -> NDArray[np.int8]:
    """The 46 labels as int8 (A,): 1 true, 0 false, -1 not visible or not labelled.

    Args:
        known: Fields and stated labels, already checked. (A record would say the same, at ten times the cost.)
    """
    return np.array([_label(known, name, label) for name, label in TAXONOMY.labels.items()], np.int8)


def attribute_values(known: Mapping[str, str | bool | None]) -> NDArray[np.int8]:
    """The 46 labels, then the taxonomy's details, like `attribute_labels`."""
    details = [_label(known, name, label) for name, label in TAXONOMY.details.items()]
    return np.concatenate([attribute_labels(known), np.array(details, np.int8)])


def _label(known: Mapping[str, str | bool | None], name: str, label: Label) -> int:
    value = known.get(label.field)
    if value is not None:
        return int(value == label.value)
    stated = None if name == label.field else known.get(name)
    return -1 if stated is None else int(bool(stated))
