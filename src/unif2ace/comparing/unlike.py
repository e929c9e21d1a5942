"""Refuses to compare results that were measured with different options or data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from unif2ace.comparing.run import ComparedRun
from unif2ace.errors import ConfigError

_ABSENT = object()


def refuse_unlike(runs: Sequence[ComparedRun]) -> None:
    """Checks that all evaluations used the same options and data as the first.

    Args:
        runs: The runs. Runs without an evaluation are ignored.

    Raises:
        ConfigError: If an option or the data differ. The message names the field and both values.
    """
    evaluated = [run for run in runs if run.evaluation]
    for other in evaluated[1:]:
        first = evaluated[0]
        one, two = dict(_conditions(first.evaluation)), dict(_conditions(other.evaluation))
        for field, value in one.items():
            if (found := two.get(field, _ABSENT)) is not _ABSENT and found != value:
                raise ConfigError(
                    f"{first.name} and {other.name} were not measured in the same way: {field} is {_short(value)} and "
                    f"{_short(found)}; evaluate both with the same options and data"
                )


def _conditions(tree: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    """Yields (field, value) of all conditions that must be equal."""
    if "weights" in tree:
        yield "weights.kind", tree["weights"]["kind"]
    elif "system" in tree:
        yield "weights.kind", "unified"
    yield "split", tree.get("split")
    for name in ("eval_set", "conditions"):
        yield from _leaves(tree.get(name, {}), name)
    for name in ("resamples", "seed") if "eval_set" in tree else ():
        yield f"options.{name}", tree.get("options", {}).get(name)
    if "eval_set" not in tree:  # metrics of a validation pass
        for name, data in tree.get("data", {}).items():
            yield f"data.{name}.val.fingerprint", data.get("val", {}).get("fingerprint")
        yield from _leaves(tree.get("metrics", {}), "metrics")
        yield "pictures", tree.get("pictures")


def _leaves(tree: Mapping[str, Any], above: str) -> Iterable[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{above}.{name}")
        else:
            yield f"{above}.{name}", value


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:12]}..."
