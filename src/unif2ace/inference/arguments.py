"""Checks texts, numbers and codes that a caller gives to the pipeline."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

from unif2ace.errors import ConfigError, check_list, nearest

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from unif2ace.data.text_tokenizer import TextTokenizer


def in_order(values: Iterable[Any], key: str) -> list[Any]:
    """The values as a list; those of a set or a dictionary have no order that would match them to images.

    Raises:
        ConfigError: If they are a text, no list, or without order.
    """
    check_list(values, key)
    if isinstance(values, Set | Mapping):
        raise ConfigError(f"{key}={values}: a list is needed here, not a {type(values).__name__}")
    return list(values)


def check_texts(texts: Sequence[str], what: str, tokenizer: TextTokenizer, max_tokens: int) -> list[str]:
    """The texts as a list, if each is a text that the model can read as a whole.

    Args:
        texts: The texts.
        what: What each is, such as ``question``, for errors.
        tokenizer: Counts their tokens.
        max_tokens: Maximum number of tokens of each.

    Raises:
        ConfigError: If `texts` is not a list of texts, or one is too long.
    """
    texts = in_order(texts, f"{what}s")
    for text in texts:
        if not isinstance(text, str):
            raise ConfigError(f"{what} {text!r} is of type {type(text).__name__}: give a text")
        if any("\ud800" <= letter <= "\udfff" for letter in text):
            raise ConfigError(f"{what} {text!r} has half of a character: decode the text as UTF-8")
    texts = [str(text) for text in texts]
    for number, ids in enumerate(tokenizer.encode(texts), start=1):
        if len(ids) > max_tokens:
            named = f"{what} {number} of {len(texts)} ({texts[number - 1][:40]!r}...)"
            raise ConfigError(f"{named} has {len(ids)} tokens, this model reads at most {max_tokens}: shorten it")
    return texts


def check_choices(choices: Sequence[str]) -> None:
    """Checks that candidate answers are at least two, and different when read.

    Raises:
        ConfigError: If one is empty, or two differ at most in case, blanks or Unicode form.
    """
    if len(choices) < 2 or not all(map(str.strip, choices)):
        raise ConfigError(f"choices={choices}: give at least two answers, none of them empty")
    read: dict[str, str] = {}
    for choice in choices:
        other = read.setdefault(unicodedata.normalize("NFKC", " ".join(choice.split())).casefold(), choice)
        if other is not choice or list(choices).count(choice) > 1:
            same = f"{choice!r} is there twice" if other == choice else f"{other!r} and {choice!r} are one answer"
            raise ConfigError(f"choices={choices}: {same}; give each answer once")


def check_seeds(seeds: Iterable[int], count: int, what: str) -> list[int]:
    """The seeds as a list, if there is one for each of `count` images or prompts.

    Args:
        seeds: The seeds.
        count: Number of images or prompts.
        what: ``image`` or ``prompt``, for errors.

    Raises:
        ConfigError: If `seeds` is not a list of integers from 0, or of another length.
    """
    found = in_order(seeds, "seeds")
    if len(found) != count:
        raise ConfigError(f"{count} {what}s and {len(found)} seeds: give one seed for each {what}")
    return [check_count(seed.item() if hasattr(seed, "item") else seed, "seeds", least=0) for seed in found]


def check_count(value: Any, key: str, least: int = 1) -> int:
    """An integer of at least `least`.

    Raises:
        ConfigError: If it is not an integer or a smaller one.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ConfigError(f"{key}={value!r}: give an integer of {least} or more")
    return int(value)


def check_number(value: Any, key: str) -> float:
    """A finite number.

    Raises:
        ConfigError: If it is none.
    """
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
        raise ConfigError(f"{key}={value!r}: give a finite number")
    return float(value)


def check_dtype(dtype: Any) -> torch.dtype:
    """A floating-point precision of torch.

    Raises:
        ConfigError: If it is not one of float32, bfloat16 and float16.
    """
    import torch

    known = {name: getattr(torch, name) for name in ("float32", "bfloat16", "float16")}
    found: torch.dtype | None = known.get(str(dtype).removeprefix("torch."))
    if found is None:
        raise ConfigError(f"dtype={dtype}: take {', '.join(known)}{nearest(str(dtype), known)}")
    return found


def check_kind(value: object, kind: type, key: str, example: str) -> None:
    """Checks that an object is of a class.

    Raises:
        ConfigError: If it is not; the message shows `example`.
    """
    if not isinstance(value, kind):
        raise ConfigError(f"{key}={value!r} is of type {type(value).__name__}: give a {kind.__name__}, as {example}")


def check_codes(codes: Any, shape: tuple[int, int], size: int) -> Tensor:
    """Codes to keep, int64 (B, N) in 0..K.

    Args:
        codes: Integers, as a tensor, an array or lists.
        shape: (B, N).
        size: K, the size of the codebook, which stands for a code to be sampled.

    Raises:
        ConfigError: If they have another shape, or are not such integers.
    """
    import torch

    wanted = f"give integers {shape} in 0..{size}, where {size} is sampled"
    try:
        found = torch.as_tensor(codes)
    except (ValueError, TypeError, RuntimeError) as error:
        raise ConfigError(f"start of type {type(codes).__name__}: {wanted}") from error
    if tuple(found.shape) != shape or found.dtype == torch.bool or found.is_floating_point() or found.is_complex():
        raise ConfigError(f"start is {found.dtype} of shape {tuple(found.shape)}: {wanted}")
    found = found.long()
    if int(found.min()) < 0 or int(found.max()) > size:
        raise ConfigError(f"start has codes from {int(found.min())} to {int(found.max())}: {wanted}")
    return found


def batches(number: int, size: int) -> Iterator[slice]:
    """Slices of at most `size` rows that cover `number` rows.

    Raises:
        ConfigError: If the size is not an integer of 1 or more.
    """
    size = check_count(size, "batch_size")
    return (slice(first, first + size) for first in range(0, number, size))
