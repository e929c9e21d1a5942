"""Composes configurations, for commands and notebooks, with errors that name the remedy.

Hydra reports a mistyped key on the command line, but not one in an experiment file or local defaults. The composed
tree is therefore compared with the same choices composed without them. A key that exists only in them must be a
component of its own (it has a `_target_`) or an argument of the component around it. If a group is chosen on the
command line, the experiment's values for another choice are dropped with a warning: `moe=dense` has no number of
experts.
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
"""Groups whose files set keys of others."""
register()


def compose(command: str, overrides: Sequence[str] = (), config_dir: str | Path | None = None) -> DictConfig:
    """The configuration that a command would get from these overrides.

    Args:
        command: Name of a primary configuration, such as ``train``.
        overrides: Overrides as on the command line, such as ``trainer.max_steps=8``.
        config_dir: A further folder of configuration groups.

    Raises:
        ConfigError: If a key, a group's choice or a value is wrong; the message names the nearest one.
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
    """A composition of the package's files alone, which is only read."""
    return hydra.compose(command, list(overrides))


def _without_hydra(full: DictConfig) -> DictConfig:
    config = full.copy()
    OmegaConf.set_struct(config, False)
    config.pop("hydra", None)
    OmegaConf.set_struct(config, True)
    return config


def is_config_fault(error: BaseException) -> bool:
    """Whether an error comes from composing rather than from the work."""
    return type(error).__module__.split(".")[0] in ("hydra", "omegaconf", "antlr4", "yaml")


def explain(error: BaseException) -> str:
    """Hydra's message, with the nearest name where it lacks one."""
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
        return f"the group {group[1]!r} is not part of this command; --help lists what can be set"
    choice = re.search(r"Could not (?:find|load) '([^']+)'", text)
    if choice:
        first = choice[1].partition("/")
        place, _, name = first if choices_of(first[0]) else choice[1].rpartition("/")
        options = [line.strip() for line in text.partition("Available options")[2].splitlines()[1:] if line.strip()]
        options = [o for o in options if not o.endswith(":") and " " not in o] or choices_of(place)
        listed = f"; there are {', '.join(options)}" if options else ""
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
    """Whether this command has a key, as far as the fault says what it has."""
    seen: BaseException | None = error
    while key and seen is not None:
        parent = getattr(seen, "parent_node", None)
        if isinstance(parent, DictConfig):
            return key.split(".")[0] in parent._get_root()
        seen = seen.__cause__ or seen.__context__
    return key is not None


def _not_selected(group: str, name: str) -> str:
    return f"{group}.{name} has values but is not selected: {how_to_add(group, name)}, or drop `{group}.{name}.*`"


def _selected_twice(text: str) -> str:
    """The message about a group with two selections; empty for any other error."""
    found = re.search(r"Multiple values for (\S+)\. To override a value use 'override \S+: ([^']+)'", text)
    if not found:
        return ""
    group, name = found[1], found[2]
    if group in ADDABLE:
        return (
            f"{group} is selected twice: give one list; `+{group}=[{name},...]` adds to the command's own, "
            f"`{group}=[{name},...]` replaces them"
        )
    return f"{group} has a choice already, and +{group} cannot add to it: {how_to_add(group, name)}"


def _misused(text: str) -> str:
    """The message about a + before a known key, or an interpolation; empty for any other error."""
    added = re.search(r"Could not append to config\..*Either remove \+ prefix: '(.+?)'\n", text, re.DOTALL)
    if added:
        return f"+{added[1]}: the key exists already; leave out the +: {added[1]}"
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
    """Rejects keys that only an experiment or local defaults know, or removes them; see the module docstring.

    Args:
        full: Holds the `hydra` node of the composition.
        config: The composed configuration, without that node.
        recompose: Composes the same command from a list of overrides.

    Raises:
        ConfigError: If a key is unknown.
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
            "%s was typed and does not use what %s sets: left out %s",
            chosen,
            " or ".join(sets),
            ", ".join(left_out),
        )


def _is_there(full: DictConfig, group: str, choice: Any) -> bool:
    """Whether one of the folders of configuration files has a choice of a group."""
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
    """Keys that only the experiment has and that are neither components nor arguments of the component around them."""
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
