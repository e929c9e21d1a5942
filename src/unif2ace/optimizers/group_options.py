"""Options of one named parameter group."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from typing import Any

from unif2ace.errors import ConfigError, nearest

SCHEDULES = ("run", "constant")


@dataclass(frozen=True, slots=True)
class GroupOptions:
    """Options of a group; None leaves the optimiser's own.

    Attributes:
        patterns: Shell-style patterns of parameter names; ``*`` also matches dots.
        lr: Learning rate; its peak under a schedule.
        lr_factor: Factor of the optimiser's learning rates, instead of `lr`.
        adam_lr: Muon's rate of parameters that take AdamW's step.
        weight_decay: Weight decay of all parameters of the group, also of vectors and tables.
        schedule: ``run`` for the run's schedule, ``constant`` for none.
        frozen: Whether the parameters are not trained; then no other option is taken.
    """

    patterns: tuple[str, ...]
    lr: float | None = None
    lr_factor: float | None = None
    adam_lr: float | None = None
    weight_decay: float | None = None
    schedule: str = "run"
    frozen: bool = False

    @classmethod
    def of(cls, name: str, given: Any) -> GroupOptions:
        """The options of a configuration.

        Args:
            name: Name of the group, for messages.
            given: The attributes; `patterns` may be a single text.

        Raises:
            ConfigError: If an option is unknown or not valid.
        """
        where, known = f"optimizer.groups.{name}", [field.name for field in fields(cls)]
        if not isinstance(given, Mapping):
            raise ConfigError(f"{where}={given}: options are needed here, such as {{patterns: '*.router.*', lr: 1e-4}}")
        for key in given:
            if key not in known:
                raise ConfigError(f"{where}.{key}: it takes {', '.join(known)}{nearest(str(key), known)}")
        patterns = given.get("patterns") or ()
        patterns = (patterns,) if isinstance(patterns, str) else patterns
        if not patterns or not all(isinstance(p, str) for p in patterns):
            raise ConfigError(f"{where}.patterns={given.get('patterns')}: one pattern or a list, such as '*.router.*'")
        found = cls(**{**{k: v for k, v in given.items() if v is not None}, "patterns": tuple(patterns)})
        found._check(where)
        return found

    def _check(self, where: str) -> None:
        numbers = {k: getattr(self, k) for k in ("lr", "lr_factor", "adam_lr", "weight_decay")}
        set_ = {k: v for k, v in numbers.items() if v is not None}
        for key, value in set_.items():
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
                raise ConfigError(f"{where}.{key}={value}: it must be a number, 0 or more")
        if not isinstance(self.frozen, bool):
            raise ConfigError(f"{where}.frozen={self.frozen}: it must be true or false")
        if self.schedule not in SCHEDULES:
            raise ConfigError(
                f"{where}.schedule={self.schedule}: take {' or '.join(SCHEDULES)}"
                f"{nearest(str(self.schedule), SCHEDULES)}"
            )
        if self.lr_factor is not None and (self.lr is not None or self.adam_lr is not None):
            raise ConfigError(f"{where}: lr_factor takes the place of lr and adam_lr; set one or the other")
        if self.frozen and (set_ or self.schedule != "run"):
            raise ConfigError(f"{where}.frozen=true: frozen parameters take no {', '.join(set_) or 'schedule'}")

    def matches(self, name: str) -> bool:
        """Whether a pattern matches a parameter's name."""
        return any(fnmatchcase(name, pattern) for pattern in self.patterns)

    def given(self) -> dict[str, Any]:
        """Options of the optimiser that are known before it is built."""
        return {} if self.weight_decay is None else {"weight_decay": self.weight_decay}
