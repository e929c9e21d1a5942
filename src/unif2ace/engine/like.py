"""``like=RUN``: the settings of an earlier run, before those that are typed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig

from unif2ace.engine.overrides import overrides_of, read_overrides
from unif2ace.errors import ConfigError

WORD = "like="
NOT_TAKEN = ("like", "run_dir", "resume", "resume_changes", "hparams_search")
"""Keys of where a run lies, how it continues, and what searches; they say nothing about another run."""


def like_run(words: Sequence[str]) -> list[str]:
    """The words of a command with the overrides of the run that ``like=RUN`` names in front of them.

    A recorded override is left out if the same key is typed.

    Args:
        words: Options and overrides.

    Raises:
        ConfigError: If the run does not exist or its overrides are unknown.
    """
    named = [word.removeprefix(WORD).strip("'\"") for word in words if word.startswith(WORD)]
    if len(named) > 1:
        raise ConfigError(f"like={named[1]}: like is given twice, first as {named[0]}; give one run")
    if not named or named[0] in ("", "null"):
        return list(words)
    typed = {_key(word) for word in words}
    taken = [
        o
        for o in read_overrides(Path(named[0]))
        if _key(o) not in typed and _key(o).lstrip("+") not in NOT_TAKEN and not o.startswith("hparams_search.")
    ]
    return [*taken, *words]


def check_like(config: DictConfig) -> None:
    """Refuses ``like`` that no command line gave, for example in an experiment's file: it would have no effect.

    Raises:
        ConfigError: If it is set elsewhere.
    """
    overrides = overrides_of(config)
    if config.get("like") and overrides is not None and not any(o.startswith(WORD) for o in overrides):
        raise ConfigError(f"like={config.like} is set in a file, where it has no effect: type it on the command line")


def _key(word: str) -> str:
    return word.partition("=")[0]
