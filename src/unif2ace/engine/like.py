"""``like=RUN``: reuses the overrides of an earlier run. Typed overrides take precedence."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig

from unif2ace.engine.overrides import overrides_of, read_overrides
from unif2ace.errors import ConfigError

WORD = "like="
NOT_TAKEN = ("like", "run_dir", "resume", "resume_changes", "hparams_search")
"""Keys that are not copied from the earlier run: its folder, how it was resumed, and its search."""


def like_run(words: Sequence[str]) -> list[str]:
    """Puts the overrides of the run ``like=RUN`` before the words of a command line.

    An override of that run is left out if `words` has the same key.

    Args:
        words: Options and overrides as typed.

    Raises:
        ConfigError: If the run folder does not exist or has no file of overrides.
    """
    named = [word.removeprefix(WORD).strip("'\"") for word in words if word.startswith(WORD)]
    if len(named) > 1:
        raise ConfigError(f"like={named[0]} and like={named[1]}: only one like=RUN is possible; remove one")
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
    """Rejects ``like`` in a configuration file, such as an experiment: it only works on the command line.

    Raises:
        ConfigError: If ``like`` is set, but not on the command line.
    """
    overrides = overrides_of(config)
    if config.get("like") and overrides is not None and not any(o.startswith(WORD) for o in overrides):
        raise ConfigError(f"like={config.like} is set in a file, where it has no effect: type it on the command line")


def _key(word: str) -> str:
    return word.partition("=")[0]
