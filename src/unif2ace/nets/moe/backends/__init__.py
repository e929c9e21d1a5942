"""Backends of the routed experts: the same result up to rounding, at different speeds."""

from __future__ import annotations

from typing import Literal, get_args

from unif2ace.errors import ConfigError, nearest
from unif2ace.nets.moe.backends.auto import AutoBackend
from unif2ace.nets.moe.backends.base import ExpertBackend
from unif2ace.nets.moe.backends.cpu import CPUBackend
from unif2ace.nets.moe.backends.grouped_mm import GroupedMMBackend
from unif2ace.nets.moe.backends.loop import LoopBackend

Name = Literal["auto", "cpu", "grouped_mm", "loop"]
Backend = Name | ExpertBackend
_MAKE: dict[str, type[ExpertBackend]] = {
    "auto": AutoBackend,
    "cpu": CPUBackend,
    "grouped_mm": GroupedMMBackend,
    "loop": LoopBackend,
}


def expert_backend(backend: Backend) -> ExpertBackend:
    """The backend with this name; an `ExpertBackend` is returned unchanged.

    Raises:
        ConfigError: If there is no backend of this name.
    """
    if isinstance(backend, ExpertBackend):
        return backend
    if backend not in _MAKE:
        raise ConfigError(f"moe.backend={backend!r}: take one of {', '.join(get_args(Name))}{nearest(backend, _MAKE)}")
    return _MAKE[backend]()
