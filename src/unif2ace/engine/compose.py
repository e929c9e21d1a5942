"""Composes configurations, for commands and notebooks, with errors that name the remedy.

Hydra reports a mistyped key on the command line, but not in an experiment file or in local defaults. This module
therefore composes the same choices a second time without these files, and compares the two results. A key that only
these files set must be a component (it has a `_target_`) or an argument of the enclosing component.

If the command line selects another choice of a group than the experiment, the experiment's values of that group are
dropped with a warning. For example, `moe=dense` drops the number of experts that the experiment sets for another
`moe`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import hydra
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, ListConfig, OmegaConf, open_dict

from unif2ace.engine.added_keys import refuse_added
from unif2ace.engine.config_comments import CONFIG_MODULE, choices_of, folders
from unif2ace.engine.installation import check_installation
from unif2ace.engine.instantiate import ADDABLE, how_to_add, takes
from unif2ace.engine.kept_files import KeptFiles
from unif2ace.engine.key_types import check_values
from unif2ace.engine.like import like_run
from unif2ace.engine.overrides import remember_overrides, typed_overrides
from unif2ace.engine.renamed_keys import current_key, hint, new_choice
from unif2ace.engine.resolvers import register
from unif2ace.engine.unread_keys import refuse_unread
from unif2ace.engine.words import readable
from unif2ace.errors import ConfigError, check_list, nearest

log = logging.getLogger(__name__)
OVERLAYS = ("experiment", "local")
"""Groups whose files set keys of other groups."""
register()


def compose(command: str, overrides: Sequence[str] = (), config_dir: str | Path | None = None) -> DictConfig:
    """Composes the configuration that a command gets from these overrides.

    Args:
        command: Name of a primary configuration, such as ``train``.
        overrides: Overrides as on the command line, such as ``trainer.max_steps=8``.
        config_dir: Folder with additional configuration groups.

    Raises:
        ConfigError: If a key, a choice or a value is wrong. The message suggests the nearest existing name.
    """
    check_installation()
    GlobalHydra.instance().clear()
    overrides = like_run(overrides) if command == "train" else overrides
    folder = [f"hydra.searchpath=[file://{Path(config_dir).absolute()}]"] if config_dir else []
    with hydra.initialize_config_module(CONFIG_MODULE, version_base="1.3"):
        loader: Any = GlobalHydra.instance().config_loader()
        loader.repository = KeptFiles(loader.repository)
        try:
            full = hydra.compose(command, [*readable(command, overrides), *folder], return_hydra_config=True)
            config = _without_hydra(full)
            settle_experiment(
                full,
                config,
                lambda names: hydra.compose(command, [*names, *folder]) if folder else _composed(command, *names),
            )
            check_values(command, config)
        except Exception as error:
            if isinstance(error, ConfigError) or not is_config_fault(error):
                raise
            raise ConfigError(explain(error)) from error
        finally:
            GlobalHydra.instance().clear()
    return config


@lru_cache(maxsize=64)
def _composed(command: str, *overrides: str) -> DictConfig:
    """Composes the package's files alone. The result is cached, so callers must not change it."""
    return hydra.compose(command, list(overrides))


def _without_hydra(full: DictConfig) -> DictConfig:
    config = full.copy()
    OmegaConf.set_struct(config, False)
    config.pop("hydra", None)
    OmegaConf.set_struct(config, True)
    return config


def is_config_fault(error: BaseException) -> bool:
    """Whether an error was raised by Hydra, OmegaConf or a parser, rather than by the command itself."""
    return type(error).__module__.split(".")[0] in ("hydra", "omegaconf", "antlr4", "yaml")


def explain(error: BaseException) -> str:
    """Rewrites a message of Hydra as one line, and adds the nearest existing name."""
    text = str(error).strip()
    cause = str(error.__cause__ or "").strip()
    if cause and cause not in text:
        text = f"{text}\n{cause}"
    if known := _renamed(text, error) or _selected_twice(text) or _misused(text):
        return known
    missing = re.search(r"Key '([^']+)' is not in struct", text)
    if missing:
        path = re.search(r"full_key: (\S+)", text)
        key = path[1] if path else missing[1]
        slot, _, name = key.partition(".")
        if name in choices_of(slot):
            return _not_selected(slot, name)
        return f"there is no key {key!r}{_nearest_key(error, missing[1])}"
    group = re.search(r"Could not override '([^']+)'", text)
    if group:
        return f"this command has no group {group[1]!r}; --help lists its groups and keys"
    choice = re.search(r"Could not (?:find|load) '([^']+)'", text)
    if choice:
        first = choice[1].partition("/")
        place, _, name = first if choices_of(first[0]) else choice[1].rpartition("/")
        options = [line.strip() for line in text.partition("Available options")[2].splitlines()[1:] if line.strip()]
        options = [o for o in options if not o.endswith(":") and " " not in o] or choices_of(place)
        listed = f"; choices: {', '.join(options)}" if options else ""
        return f"there is no {place or 'configuration'} {name!r}{nearest(name, options)}{listed}"
    return text


def _renamed(text: str, error: BaseException) -> str:
    """The message about a renamed key, group or choice; empty for any other error."""
    typed = re.search(r"Could not override '([^']+)'", text)
    path = re.search(r"full_key: (\S+)", text)
    deleted = re.search(r"Could not delete from config\. '([^']+)'", text)
    for key in (found[1].partition("@")[0] for found in (typed, path, deleted) if found):
        if _is_known(error, current_key(key)):
            return f"there is no {key!r}{hint(key)}"
    choice = re.search(r"Could not (?:find|load) '([^']+)'", text)
    if choice and (renamed := new_choice(*choice[1].split("/", 1))):
        return f"there is no {choice[1]!r}: it is {renamed} since 0.2"
    return ""


def _is_known(error: BaseException, key: str | None) -> bool:
    """Whether this command has a key. If the error does not hold the configuration, every key counts as known."""
    seen: BaseException | None = error
    while key and seen is not None:
        parent = getattr(seen, "parent_node", None)
        if isinstance(parent, DictConfig):
            return key.split(".")[0] in parent._get_root()
        seen = seen.__cause__ or seen.__context__
    return key is not None


def _not_selected(group: str, name: str) -> str:
    return f"{group}.{name} has values but is not selected: {how_to_add(group, name)}, or remove `{group}.{name}.*`"


def _selected_twice(text: str) -> str:
    """The message for a group that is selected twice; empty for any other error."""
    found = re.search(r"Multiple values for (\S+)\. To override a value use 'override \S+: ([^']+)'", text)
    if not found:
        return ""
    group, name = found[1], found[2]
    if group in ADDABLE:
        return (
            f"{group} is selected twice: give one list; `+{group}=[{name},...]` adds to the command's own, "
            f"`{group}=[{name},...]` replaces those"
        )
    return f"{group} is already selected, and +{group} cannot add to the selection: {how_to_add(group, name)}"


def _misused(text: str) -> str:
    """The message for a + before an existing key, or for a failed interpolation; empty for any other error."""
    added = re.search(r"Could not append to config\..*Either remove \+ prefix: '(.+?)'\n", text, re.DOTALL)
    if added:
        return f"+{added[1]}: the key exists already; type {added[1]} without the +"
    place = re.search(r"(.*nterpolation.*)\n +full_key: (\S+)", text)
    return f"{place[2]}: {place[1]}" if place else ""


def _nearest_key(error: BaseException, key: str) -> str:
    seen: BaseException | None = error
    while seen is not None:
        parent = getattr(seen, "parent_node", None)
        if isinstance(parent, DictConfig):
            return nearest(key, map(str, parent.keys()))
        seen = seen.__cause__ or seen.__context__
    return ""


def settle_experiment(full: DictConfig, config: DictConfig, recompose: Callable[[list[str]], DictConfig]) -> None:
    """Rejects or drops keys that only an experiment or local defaults set; see the module docstring.

    Args:
        full: The composed configuration with its `hydra` node.
        config: The composed configuration without its `hydra` node, changed in place.
        recompose: Composes the same command from a list of overrides.

    Raises:
        ConfigError: If such a key is neither a component nor an argument of the enclosing component.
    """
    overrides = typed_overrides(full.hydra.overrides.task)
    refuse_added(str(full.hydra.job.config_name), config, overrides)
    remember_overrides(config, overrides)
    if full.hydra.job.config_name == "train":
        refuse_unread(config, [o.partition("=")[0].partition("@")[0] for o in overrides])
    choices = OmegaConf.to_container(full.hydra.runtime.choices)
    assert isinstance(choices, dict)
    sets = [f"{group} {choices[group]!r}" for group in OVERLAYS if _is_there(full, group, choices.get(group))]
    if not sets:
        return
    keys = {o: o.split("=")[0] for o in overrides}
    # choices alone: Hydra has checked nested values, which may belong to a slot that only the experiment selects
    groups = {o: key.lstrip("+~").partition("@")[0] for o, key in keys.items()}
    known_names = [o for o, group in groups.items() if group not in OVERLAYS and choices_of(group)]
    known_names += ["~local"] * ("local" in choices)
    typed = {key.lstrip("+~") for key in keys.values()}
    for group, choice in choices.items():
        if group in typed or str(group).startswith("hydra/") or group in OVERLAYS or not isinstance(choice, str):
            continue
        known_names.append(f"{group!s}={choice}" if choice else f"~{group!s}")
    known = recompose(known_names)
    left_out = []
    given = OmegaConf.select(config, "engine.allow") or ()
    check_list(given, "engine.allow")
    allow = tuple(given)
    for path, names in list(_unknown(config, known, "", allow)):
        group, _, leaf = path.partition(".")
        if path in typed:
            continue
        if leaf and group in typed:
            if any(key.startswith(f"{path}.") for key in typed):
                raise ConfigError(_not_selected(group, leaf))
            _remove(config, path)
            left_out.append(path)
        elif "_target_" not in _parent(config, path):
            mend = hint(path) or nearest(path.rpartition(".")[2], names)
            raise ConfigError(f"{' or '.join(sets)} sets {path!r}, which nothing reads{mend}")
    if left_out:
        chosen = ", ".join(dict.fromkeys(f"{path.partition('.')[0]}=..." for path in left_out))
        log.warning(
            "%s on the command line replaces the choice of %s: dropped %s, which the new choice does not use",
            chosen,
            " or ".join(sets),
            ", ".join(left_out),
        )


def _is_there(full: DictConfig, group: str, choice: Any) -> bool:
    """Whether one of the configuration folders has a file for a choice of a group."""
    given = [Path(source.path) for source in full.hydra.runtime.config_sources if source.schema == "file"]
    return any((folder / group / f"{choice}.yaml").is_file() for folder in (*folders(), *given))


def _parent(config: DictConfig, path: str) -> DictConfig:
    above = path.rpartition(".")[0]
    node = OmegaConf.select(config, above) if above else config
    assert isinstance(node, DictConfig)
    return node


def _remove(config: DictConfig, path: str) -> None:
    with open_dict(config):
        del _parent(config, path)[path.rpartition(".")[2]]


def _unknown(node: Any, known: Any, path: str, allow: tuple[str, ...]) -> Iterator[tuple[str, list[str]]]:
    """Keys that `known` lacks and that are neither components nor arguments of the enclosing component.

    Each comes with the keys that `known` has at the same level.
    """
    if not isinstance(node, DictConfig) or not isinstance(known, DictConfig) or known._is_none() or node._is_none():
        return
    names = set(known.keys())  # `key in known` would resolve the value
    for key in node:
        here = f"{path}.{key!s}" if path else str(key)
        child = node._get_node(key)
        if key in names:
            yield from _unknown(child, known._get_node(key), here, allow)
        elif "_target_" in node:
            if not takes(node._target_, str(key), allow):
                yield here, [str(k) for k in known]
        elif not isinstance(child, ListConfig) and not (isinstance(child, DictConfig) and "_target_" in child):
            yield here, [str(k) for k in known]
