"""Excludes functions from `torch.compile`."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import torch

F = TypeVar("F", bound=Callable[..., Any])


def uncompiled(function: F) -> F:
    """Like `torch.compiler.disable`, but does not import the compiler, which takes 2 s.

    Args:
        function: The function; called directly as long as the process has not imported the compiler.
    """
    disabled: list[Any] = []

    @functools.wraps(function)
    def call(*args: Any, **keys: Any) -> Any:
        if "torch._dynamo" not in sys.modules:
            return function(*args, **keys)
        if not disabled:
            disabled.append(torch.compiler.disable(function))  # type: ignore[no-untyped-call]
        return disabled[0](*args, **keys)

    call._torchdynamo_disable = True  # type: ignore[attr-defined]  # the mark by which the compiler knows it
    return call  # type: ignore[return-value]
