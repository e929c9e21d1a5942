"""Checks texts and seeds that a caller gives to the pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from unif2ace.errors import ConfigError, check_list

if TYPE_CHECKING:
    from unif2ace.data.text_tokenizer import TextTokenizer


def check_texts(texts: Sequence[str], what: str, tokenizer: TextTokenizer, max_tokens: int) -> list[str]:
    """The texts as a list, if each is a text that the model can read as a whole.

    Args:
        texts: The texts.
        what: What each is, such as ``question``, for errors.
        tokenizer: Counts their tokens.
        max_tokens: Maximum number of tokens of each.

    Raises:
        ConfigError: If `texts` is no list of texts, or one is too long.
    """
    check_list(texts, f"{what}s")
    texts = list(texts)
    for text in texts:
        if not isinstance(text, str):
            raise ConfigError(f"{what} {text!r} is of type {type(text).__name__}: give a text")
    for number, ids in enumerate(tokenizer.encode(texts), start=1):
        if len(ids) > max_tokens:
            named = f"{what} {number} of {len(texts)} ({texts[number - 1][:40]!r}...)"
            raise ConfigError(f"{named} has {len(ids)} tokens, this model reads {max_tokens}: shorten it")
    return texts


def check_seeds(seeds: Sequence[int], count: int, what: str) -> list[int]:
    """The seeds as a list, if there is one for each of `count` images or prompts.

    Args:
        seeds: The seeds.
        count: Number of images or prompts.
        what: ``image`` or ``prompt``, for errors.

    Raises:
        ConfigError: If `seeds` is no list, or of another length.
    """
    check_list(seeds, "seeds")
    seeds = list(seeds)
    if len(seeds) != count:
        raise ConfigError(f"{count} {what}s and {len(seeds)} seeds: give one seed for each {what}")
    return seeds
