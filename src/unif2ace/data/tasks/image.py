"""Task of images with attributes, for training the image tokenizer and the attribute classifier."""

from __future__ import annotations

import random

import numpy as np

from unif2ace.data.shards import DecodedSample
from unif2ace.data.tasks.base import TaskSample, attribute_values
from unif2ace.data.token_reader import TokenisedSample
from unif2ace.errors import ConfigError
from unif2ace.types import Task


class ImageTask:
    """Training samples of an image and its attributes.

    Args:
        batch_size: Global batch size.
        flip: Probability of mirroring the image, which also swaps left and right in its attributes.

    Raises:
        ConfigError: If `flip` is not a probability.
    """

    task = Task.IMAGE
    needs_text = False

    def __init__(self, batch_size: int = 32, flip: float = 0.5) -> None:
        if not 0 <= flip <= 1:
            raise ConfigError(f"task.image.flip={flip}: it must be between 0 and 1")
        self.batch_size, self.flip = batch_size, flip

    def __call__(self, sample: DecodedSample, draw: random.Random) -> TaskSample:
        """Makes a training sample from a stored sample.

        Raises:
            ConfigError: If `flip` > 0 and tokens are read, because tokens cannot be mirrored.
        """
        if self.flip and isinstance(sample, TokenisedSample):
            raise ConfigError(f"task.image.flip={self.flip}: tokens cannot be mirrored; set 0, or data.inputs=pixels")
        image, known = sample.image, sample.metadata.attributes
        if draw.random() < self.flip:
            image = np.ascontiguousarray(image[:, ::-1])
            known = {name: _MIRRORED.get(value, value) for name, value in known.items()}
        return TaskSample(self.task, sample.key, image, attribute_values(known))


_MIRRORED: dict[str | bool | None, str] = {"left": "right", "right": "left"}
