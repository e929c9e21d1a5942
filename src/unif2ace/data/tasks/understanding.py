"""Task of images with questions and answers, or with instructions and captions."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Literal

from unif2ace.data.shards import DecodedSample
from unif2ace.data.tasks.base import TaskSample, attribute_values
from unif2ace.data.tasks.text_to_image import pick_captions
from unif2ace.errors import ConfigError, check_list
from unif2ace.types import Task

LONG = 30
"""Minimum number of words of a long caption."""
INSTRUCTIONS: Mapping[str, Sequence[str]] = {
    "long": ("Describe this face.", "Write a caption for this picture.", "What does this person look like?"),
    "short": ("Describe this face briefly.", "Write a short caption for this picture.", "Who is this, in a few words?"),
}
"""Instructions that ask for a caption, by caption length: a user's prompt can then ask for either length."""


def length_of(caption: str) -> Literal["long", "short"]:
    """Length class of a caption: ``long`` for at least `LONG` words, else ``short``."""
    return "long" if len(caption.split()) >= LONG else "short"


class UnderstandingTask:
    """Training samples for captioning and visual question answering.

    Args:
        batch_size: Global batch size.
        caption_prob: Probability that a turn asks for a caption instead of a question.
        caption: Caption that a turn asks for: ``any`` for random ones without repetition, ``long`` for the longest,
            ``short`` for the shortest.
        instructions: Instructions that ask for a ``long`` and for a ``short`` caption.
        max_turns: Maximum number of turns (questions and captions) of a sample. Turns do not attend to each other, but
            share the image. Captions come first, because later turns are dropped if they do not fit.

    Raises:
        ConfigError: If `caption_prob` is not a probability, instructions are missing, or `max_turns` is below 1.
    """

    task = Task.UNDERSTANDING
    needs_text = True

    def __init__(
        self,
        batch_size: int = 16,
        caption_prob: float = 0.3,
        caption: Literal["any", "long", "short"] = "any",
        instructions: Mapping[str, Sequence[str]] = INSTRUCTIONS,
        max_turns: int = 1,
    ) -> None:
        if not 0 <= caption_prob <= 1:
            raise ConfigError(f"task.understanding.caption_prob={caption_prob}: it must be between 0 and 1")
        for length, ways in instructions.items():
            check_list(ways, f"task.understanding.instructions.{length}")
        if instructions.keys() != INSTRUCTIONS.keys() or not all(instructions.values()):
            raise ConfigError(
                f"+task.understanding.instructions={dict(instructions)}: give at least one instruction for 'long' and "
                "one for 'short' captions"
            )
        if max_turns < 1:
            raise ConfigError(f"task.understanding.max_turns={max_turns}: it must be 1 or more")
        self.batch_size, self.caption_prob, self.caption = batch_size, caption_prob, caption
        self.instructions, self.max_turns = {k: tuple(v) for k, v in instructions.items()}, max_turns

    def __call__(self, sample: DecodedSample, draw: random.Random) -> TaskSample:
        """Makes a training sample from a stored sample."""
        wanted = sum(draw.random() < self.caption_prob for _ in range(self.max_turns))
        if not sample.metadata.qa:
            wanted = max(wanted, 1)
        captions = pick_captions(sample, self.caption, wanted, draw) if wanted else []
        asked = draw.sample(sample.metadata.qa, min(self.max_turns - len(captions), len(sample.metadata.qa)))
        # Captions first: after questions a long one rarely fits.
        turns = [(draw.choice(self.instructions[length_of(caption)]), caption) for caption in captions]
        turns += [(one.question, one.answer) for one in asked]
        labels = attribute_values(sample.metadata.attributes)
        return TaskSample(self.task, sample.key, sample.image, labels, *turns[0], turns=tuple(turns[1:]))
