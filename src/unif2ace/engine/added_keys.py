"""Rejects ``+key=...`` if no component reads the key. Hydra accepts any such key."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from omegaconf import DictConfig, OmegaConf

from unif2ace.engine.config_comments import choices_of, comments
from unif2ace.engine.instantiate import ADDABLE, takes
from unif2ace.engine.renamed_keys import hint
from unif2ace.errors import ConfigError, check_list, nearest

NAMED = "optimizer.groups"
"""A mapping whose keys the user chooses, so any key is accepted below it."""


def refuse_added(name: str, config: DictConfig, overrides: Sequence[str]) -> None:
    """Rejects keys that ``+key=...`` adds and that nothing reads.

    Args:
        name: Name of the primary configuration.
        config: Configuration composed from `name`.
        overrides: Overrides of the command line.

    Raises:
        ConfigError: If a key does not exist yet, and is neither a group, a component nor an argument of a component.
    """
    keys = [o.partition("=")[0] for o in overrides]
    files = [name, *(f"kind/{kind}" for kind in choices_of("kind") if "kind" in comments(name).groups)]
    own = [key for file in files for key in comments(file).keys if key not in comments(file).groups]
    allow = OmegaConf.select(config, "engine.allow") or ()
    check_list(allow, "engine.allow")
    for added in (key for key in keys if key.startswith("+")):
        key = added.lstrip("+").partition("@")[0]
        if key in ADDABLE and key in keys:
            raise ConfigError(f"{added}=... has no effect together with {key}=[...]: put all names into {key}=[...]")
        if renamed := hint(key):
            raise ConfigError(f"{added} adds a key that nothing reads{renamed}")
        is_group = "/" in key or bool(choices_of(key))
        if not is_group and not _is_own(key, own) and not _is_argument(config, key, tuple(allow)):
            raise ConfigError(f"{added} adds a key that nothing reads{nearest(key, own)}; leave it out")


def _is_own(key: str, own: Iterable[str]) -> bool:
    """Whether the configuration files define a key or one of its parents."""
    return any(key == other or key.startswith(f"{other}.") for other in (*own, NAMED))


def _is_argument(config: DictConfig, key: str, allow: tuple[str, ...]) -> bool:
    """Whether a key is a component, or an argument of the nearest enclosing component."""
    parts = key.split(".")
    for length in range(len(parts), 0, -1):
        node = OmegaConf.select(config, ".".join(parts[:length]))
        if isinstance(node, DictConfig) and "_target_" in node:
            return length == len(parts) or takes(str(node._target_), parts[length], allow)
    return False
