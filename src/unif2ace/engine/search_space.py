"""The search space of a hyperparameter search, in Hydra's syntax such as ``tag(log, interval(1e-4, 1e-2))``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override

from unif2ace.engine.study import optuna
from unif2ace.errors import ConfigError, nearest

_OWN = ("hparams_search", "hparams_search.")


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """Fixed and searched overrides of a search.

    Attributes:
        fixed: Overrides that all trials share.
        searched: Overrides with several values, by key.
    """

    fixed: tuple[str, ...]
    searched: Mapping[str, Override]

    @classmethod
    def parse(cls, params: Mapping[str, Any], typed: Sequence[str], loader: Any) -> SearchSpace:
        """Parses the search space.

        Args:
            params: Values in Hydra's sweep syntax by key (``hparams_search.params``).
            typed: Overrides of the command line. They replace the entry of `params` with the same key.
            loader: Hydra's configuration loader.

        Raises:
            ConfigError: If a value cannot be parsed, or no key has several values.
        """
        for key, value in params.items():
            if not isinstance(value, str | int | float):
                raise ConfigError(f"hparams_search.params: {key}: {value} must be a text, such as choice(a,b)")
        parser = OverridesParser.create(config_loader=loader)
        texts = [*(f"{key}={value}" for key, value in params.items()), *typed]
        found = {override.key_or_group: override for override in parser.parse_overrides(texts)}
        searched = {o.get_key_element(): o for o in found.values() if o.is_sweep_override()}
        if not searched:
            raise ConfigError(
                "hparams_search has no values to search: give values such as 'optimizer.lr=interval(1e-4,1e-2)' or "
                "seed=1,2, or list them in hparams_search.params"
            )
        return cls(tuple(str(o.input_line) for o in found.values() if not o.is_sweep_override()), searched)

    def distributions(self) -> dict[str, Any]:
        """Optuna's distribution of each key.

        Raises:
            ConfigError: If a range is empty, or a tag is unknown.
        """
        return {key: _distribution(override) for key, override in self.searched.items()}

    def overrides(self, params: Mapping[str, Any]) -> list[str]:
        """The overrides of a trial with the values that Optuna proposed."""
        return [*self.fixed, *self.varied(params)]

    def varied(self, params: Mapping[str, Any]) -> list[str]:
        """The searched overrides with the values that Optuna proposed."""
        return [f"{key}={params[key]}" for key in self.searched if key in params]

    def grid(self) -> Iterator[dict[str, Any]]:
        """All combinations of the searched values.

        Raises:
            ConfigError: If a key has an interval, which has infinitely many values.
        """
        values = [_values(override) for override in self.searched.values()]
        return (dict(zip(self.searched, some, strict=True)) for some in product(*values))

    def example(self) -> dict[str, Any]:
        """One value of each key."""
        return {key: _first(distribution) for key, distribution in self.distributions().items()}

    def described(self) -> dict[str, Any]:
        """The settings that identify this search. A continued search must have the same."""
        fixed = [o for o in self.fixed if o.partition("=")[0] != _OWN[0] and not o.startswith(_OWN[1])]
        return {
            "fixed": sorted(fixed),
            "searched": {key: str(d) for key, d in sorted(self.distributions().items())},
        }


def _distribution(override: Override) -> Any:
    kinds = optuna().distributions
    value: Any = override.value()
    tags = sorted(getattr(value, "tags", ()))
    log = tags == ["log"]
    if tags and not (log and override.is_interval_sweep()):
        near = nearest(tags[0], ["log"])
        raise ConfigError(f"{override.input_line}: only the tag log of an interval is supported{near}")
    try:
        if override.is_interval_sweep():
            whole = isinstance(value.start, int) and isinstance(value.end, int)
            return (kinds.IntDistribution if whole else kinds.FloatDistribution)(value.start, value.end, log=log)
        values = _values(override)
        if not override.is_range_sweep():
            return kinds.CategoricalDistribution(tuple(values))
        step = float(value.step) if isinstance(values[0], float) else int(value.step)
        kind = kinds.FloatDistribution if isinstance(step, float) else kinds.IntDistribution
        return kind(min(values), max(values), step=abs(step))
    except ValueError as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"{override.input_line}: {error}") from error


def _values(override: Override) -> list[Any]:
    """Values of a range as numbers, or values of a choice as texts in override syntax."""
    if override.is_interval_sweep():
        key = override.get_key_element()
        raise ConfigError(
            f"{override.input_line}: hparams_search.sampler=grid takes no interval: give a list, such as "
            f"{key}=1e-4,1e-3, or a range"
        )
    if override.is_range_sweep():
        value: Any = override.value()
        found: list[Any] = [one if isinstance(one, int) else float(one) for one in value.range()]
    else:
        found = [*dict.fromkeys(map(str, override.sweep_string_iterator()))]
    if not found:
        raise ConfigError(f"{override.input_line}: has no values; give at least one")
    return found


def _first(distribution: Any) -> Any:
    return distribution.choices[0] if hasattr(distribution, "choices") else distribution.low
