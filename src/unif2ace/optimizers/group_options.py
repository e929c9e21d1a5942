"""Options of a named parameter group (`optimizer.groups`)."""

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
    """Options of a parameter group. None keeps the optimiser's value.

    Attributes:
        patterns: Shell-style patterns of parameter names; ``*`` also matches dots.
        lr: Learning rate, at least 0; the peak value if the run has a schedule.
        lr_factor: Factor for the optimiser's learning rates, at least 0; excludes `lr` and `adam_lr`.
        adam_lr: For Muon: learning rate of the parameters that AdamW updates, at least 0.
        weight_decay: Weight decay of all parameters of the group, including vectors and tables; at least 0.
        schedule: ``run`` to follow the learning-rate schedule of the run, ``constant`` for a constant learning rate.
        frozen: Whether to freeze the parameters. Frozen groups allow no options other than `patterns`.
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
        """Checks the options from a configuration.

        Args:
            name: Name of the group, for error messages.
            given: Mapping with the attributes of this class; `patterns` may be a single string.

        Raises:
            ConfigError: If an option is unknown or invalid.
        """
        where, known = f"optimizer.groups.{name}", [field.name for field in fields(cls)]
        if not isinstance(given, Mapping):
            raise ConfigError(f"{where}={given}: must be options such as {{patterns: '*.router.*', lr: 1e-4}}")
        for key in given:
            if key not in known:
                raise ConfigError(
                    f"{where}.{key}: unknown option; use one of {', '.join(known)}{nearest(str(key), known)}"
                )
        patterns = given.get("patterns") or ()
        patterns = (patterns,) if isinstance(patterns, str) else patterns
        if not patterns or not all(isinstance(p, str) for p in patterns):
            raise ConfigError(
                f"{where}.patterns={given.get('patterns')}: must be a pattern or a list of them, such as '*.router.*'"
            )
        found = cls(**{**{k: v for k, v in given.items() if v is not None}, "patterns": tuple(patterns)})
        found._check(where)
        return found

    def _check(self, where: str) -> None:
        numbers = {k: getattr(self, k) for k in ("lr", "lr_factor", "adam_lr", "weight_decay")}
        set_ = {k: v for k, v in numbers.items() if v is not None}
        for key, value in set_.items():
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
                raise ConfigError(f"{where}.{key}={value}: must be a finite number, at least 0")
        if not isinstance(self.frozen, bool):
            raise ConfigError(f"{where}.frozen={self.frozen}: must be true or false")
        if self.schedule not in SCHEDULES:
            raise ConfigError(
                f"{where}.schedule={self.schedule}: must be {' or '.join(SCHEDULES)}"
                f"{nearest(str(self.schedule), SCHEDULES)}"
            )
        if self.lr_factor is not None and (self.lr is not None or self.adam_lr is not None):
            raise ConfigError(f"{where}: lr_factor excludes lr and adam_lr; set either lr_factor, or lr and adam_lr")
        if self.frozen and (set_ or self.schedule != "run"):
            unused = ", ".join(set_) or "schedule"
            raise ConfigError(f"{where}.frozen=true: frozen parameters ignore {unused}; remove {unused}")

    def matches(self, name: str) -> bool:
        """Whether one of the patterns matches a parameter name."""
        return any(fnmatchcase(name, pattern) for pattern in self.patterns)

    def given(self) -> dict[str, Any]:
        """Options to pass to the optimiser's constructor. Learning rates are set later by `NamedGroups.set_rates`."""
        return {} if self.weight_decay is None else {"weight_decay": self.weight_decay}
