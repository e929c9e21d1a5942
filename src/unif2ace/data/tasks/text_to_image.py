"""Task of captions with their images, for text-to-image generation."""

from __future__ import annotations

import random
from typing import Literal

from unif2ace.data.shards import DecodedSample
from unif2ace.data.tasks.base import TaskSample, attribute_values
from unif2ace.errors import DataError
from unif2ace.types import Task


class TextToImageTask:
    """Training samples for text-to-image generation.

    Args:
        batch_size: Global batch size.
        caption: Caption of a sample to use: ``any`` for a random one, ``long`` for the longest, ``short`` for the
            shortest.
    """

    task = Task.TEXT_TO_IMAGE
    needs_text = True

    def __init__(self, batch_size: int = 16, caption: Literal["any", "long", "short"] = "any") -> None:
        self.batch_size, self.caption = batch_size, caption

    def __call__(self, sample: DecodedSample, draw: random.Random) -> TaskSample:
        """Makes a training sample from a stored sample. Its prompt is one of the captions, chosen at random."""
        (caption,) = pick_captions(sample, self.caption, 1, draw)
        return TaskSample(
            self.task, sample.key, sample.image, attribute_values(sample.metadata.attributes), prompt=caption
        )


def pick_captions(
    sample: DecodedSample, which: Literal["any", "long", "short"], number: int, draw: random.Random
) -> list[str]:
    """At most `number` distinct random captions of a sample; for ``long`` and ``short`` exactly one.

    Raises:
        DataError: If the sample has no caption.
    """
    captions = list(dict.fromkeys(c for c in (sample.metadata.caption, *sample.metadata.captions) if c))
    if not captions:
        raise DataError(
            f"sample {sample.key!r} has no caption: write captions with `unif2ace-data import`, or omit its data set"
        )
    if which == "any":
        return draw.sample(captions, min(number, len(captions)))
    return [(max if which == "long" else min)(captions, key=len)]
