"""Training sample and protocol of a task. Shapes: H x W pixels, A attributes, N image tokens."""

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
    """One training sample before it is collated.

    Attributes:
        task: Task that the sample trains.
        key: Key of the stored sample.
        image: Pixels, uint8 (H, W, 3), contiguous; (0, 0, 3) if only tokens are read.
        attributes: Attribute values, int8 (A,), see `attribute_values`.
        prompt: Caption or question; empty if the task has no text.
        answer: Target answer to the prompt; empty if the task has none.
        turns: Further (question, answer) pairs after the first.
        image_ids: Image tokens, int64 (N,), added by `TaskDataset`; None if tokens are not read.
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
    """Protocol of tasks: turns a stored sample into a training sample.

    Attributes:
        task: Task of the training samples.
        batch_size: Global batch size.
        needs_text: Whether the task requires captions or questions.
    """

    task: Task
    batch_size: int
    needs_text: bool

    def __call__(self, sample: DecodedSample, draw: random.Random) -> TaskSample:
        """Makes a training sample from a stored sample.

        `draw` is the sample's random generator; its state does not depend on the number of processes.

        Raises:
            DataError: If the sample lacks data that the task needs.
        """


def attribute_labels(known: Mapping[str, str | bool | None]) -> NDArray[np.int8]:
    """The 46 labels as int8 (46,): 1 true, 0 false, -1 not visible or not labelled.

    Args:
        known: Validated fields and labels. A plain mapping is ten times faster than an `AttributeRecord`.
    """
    return np.array([_label(known, name, label) for name, label in TAXONOMY.labels.items()], np.int8)


def attribute_values(known: Mapping[str, str | bool | None]) -> NDArray[np.int8]:
    """The 46 labels, then the labels in `TAXONOMY.details`, int8 (A,), encoded as in `attribute_labels`."""
    details = [_label(known, name, label) for name, label in TAXONOMY.details.items()]
    return np.concatenate([attribute_labels(known), np.array(details, np.int8)])


def _label(known: Mapping[str, str | bool | None], name: str, label: Label) -> int:
    value = known.get(label.field)
    if value is not None:
        return int(value == label.value)
    stated = None if name == label.field else known.get(name)
    return -1 if stated is None else int(bool(stated))
