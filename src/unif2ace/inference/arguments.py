"""Checks the arguments of the pipeline: texts, numbers, seeds and image codes."""

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
    """The values as a list. Sets and dictionaries are refused, because values are matched to images by their order.

    Args:
        values: The values.
        key: Name of the argument, for errors.

    Raises:
        ConfigError: If `values` is a string, a set, a dictionary or not iterable.
    """
    check_list(values, key)
    if isinstance(values, Set | Mapping):
        raise ConfigError(f"{key}={values}: give a list, not a {type(values).__name__}")
    return list(values)


def check_texts(texts: Sequence[str], what: str, tokenizer: TextTokenizer, max_tokens: int) -> list[str]:
    """Checks texts and returns them as a list.

    Args:
        texts: The texts.
        what: Name of a text for errors, such as ``question``.
        tokenizer: The model's text tokenizer.
        max_tokens: Maximum number of tokens per text.

    Raises:
        ConfigError: If `texts` is not a list of strings, or a text has more than `max_tokens` tokens.
    """
    texts = in_order(texts, f"{what}s")
    for text in texts:
        if not isinstance(text, str):
            raise ConfigError(f"{what}={text!r} is of type {type(text).__name__}: give a string")
        if any("\ud800" <= letter <= "\udfff" for letter in text):
            raise ConfigError(f"{what}={text!r} contains an unpaired surrogate: decode the text as UTF-8")
    texts = [str(text) for text in texts]
    for number, ids in enumerate(tokenizer.encode(texts), start=1):
        if len(ids) > max_tokens:
            named = f"{what} {number} of {len(texts)} ({texts[number - 1][:40]!r}...)"
            raise ConfigError(
                f"{named} has {len(ids)} tokens, but this model reads at most {max_tokens}: shorten the text"
            )
    return texts


def check_choices(choices: Sequence[str]) -> None:
    """Checks that there are at least two candidate answers, all different.

    Raises:
        ConfigError: If a candidate is empty, or two candidates differ only in case, spaces or Unicode form.
    """
    if len(choices) < 2 or not all(map(str.strip, choices)):
        raise ConfigError(f"choices={choices}: give at least two answers, none of them empty")
    read: dict[str, str] = {}
    for choice in choices:
        other = read.setdefault(unicodedata.normalize("NFKC", " ".join(choice.split())).casefold(), choice)
        if other is not choice or list(choices).count(choice) > 1:
            same = (
                f"{choice!r} appears twice" if other == choice else f"{other!r} and {choice!r} count as the same answer"
            )
            raise ConfigError(f"choices={choices}: {same}; give each answer once")


def check_seeds(seeds: Iterable[int], count: int, what: str) -> list[int]:
    """Checks seeds and returns them as a list.

    Args:
        seeds: The seeds.
        count: Required number of seeds, one for each image or prompt.
        what: ``image`` or ``prompt``, for errors.

    Raises:
        ConfigError: If `seeds` is not a list of `count` integers of at least 0.
    """
    found = in_order(seeds, "seeds")
    if len(found) != count:
        raise ConfigError(f"{count} {what}s and {len(found)} seeds: give one seed for each {what}")
    return [check_count(seed.item() if hasattr(seed, "item") else seed, "seeds", least=0) for seed in found]


def check_count(value: Any, key: str, least: int = 1) -> int:
    """The value as an integer of at least `least`.

    Args:
        value: The value.
        key: Name of the argument, for errors.
        least: Smallest allowed value.

    Raises:
        ConfigError: If the value is not an integer, or is below `least`.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ConfigError(f"{key}={value!r}: give an integer of {least} or more")
    return int(value)


def check_number(value: Any, key: str) -> float:
    """The value as a finite float.

    Args:
        value: The value.
        key: Name of the argument, for errors.

    Raises:
        ConfigError: If the value is not a finite number.
    """
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
        raise ConfigError(f"{key}={value!r}: give a finite number")
    return float(value)


def check_dtype(dtype: Any) -> torch.dtype:
    """The torch dtype with this name.

    Args:
        dtype: ``float32``, ``bfloat16`` or ``float16``, as a string or a `torch.dtype`.

    Raises:
        ConfigError: If the dtype is not one of these three.
    """
    import torch

    known = {name: getattr(torch, name) for name in ("float32", "bfloat16", "float16")}
    found: torch.dtype | None = known.get(str(dtype).removeprefix("torch."))
    if found is None:
        raise ConfigError(f"dtype={dtype}: give one of {', '.join(known)}{nearest(str(dtype), known)}")
    return found


def check_kind(value: object, kind: type, key: str, example: str) -> None:
    """Checks that an object is an instance of a class.

    Args:
        value: The object.
        kind: The class.
        key: Name of the argument, for errors.
        example: Python expression that makes an instance, for errors.

    Raises:
        ConfigError: If the object is not an instance of the class.
    """
    if not isinstance(value, kind):
        raise ConfigError(
            f"{key}={value!r} is of type {type(value).__name__}: give a {kind.__name__}, such as {example}"
        )


def check_codes(codes: Any, shape: tuple[int, int], size: int) -> Tensor:
    """Checks start codes and returns them as int64 (B, N) in 0..K.

    Args:
        codes: Integers, as a tensor, an array or lists. Codes below K are kept; K marks a code to sample.
        shape: Required shape (B, N).
        size: K, the size of the codebook.

    Raises:
        ConfigError: If the codes have another shape, or are not integers in 0..K.
    """
    import torch

    wanted = f"give integers of shape {shape} in 0..{size}; {size} marks a code to sample"
    try:
        found = torch.as_tensor(codes)
    except (ValueError, TypeError, RuntimeError) as error:
        raise ConfigError(f"start is of type {type(codes).__name__}: {wanted}") from error
    if tuple(found.shape) != shape or found.dtype == torch.bool or found.is_floating_point() or found.is_complex():
        raise ConfigError(f"start is {found.dtype} of shape {tuple(found.shape)}: {wanted}")
    found = found.long()
    if int(found.min()) < 0 or int(found.max()) > size:
        raise ConfigError(f"start has codes from {int(found.min())} to {int(found.max())}: {wanted}")
    return found


def batches(number: int, size: int) -> Iterator[slice]:
    """Yields slices of at most `size` rows that cover `number` rows.

    Raises:
        ConfigError: If `size` is not an integer of at least 1.
    """
    size = check_count(size, "batch_size")
    return (slice(first, first + size) for first in range(0, number, size))
