"""Safe instantiation: only classes that two lists admit are built.

Hydra calls whatever a `_target_` names. A configuration may come from another person's folder or a checkpoint. The
written name must therefore start with an admitted prefix, and so must the module in which the resolved object is
defined (an alias of `os.system` in an admitted package is rejected). The message about a mistyped argument names the
nearest match.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from hydra.errors import InstantiationException
from hydra.utils import get_object
from hydra.utils import instantiate as hydra_instantiate
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationToMissingValueError, MissingMandatoryValue

from unif2ace.engine.renamed_keys import hint
from unif2ace.errors import ConfigError, Unif2aceError, check_list, nearest

ADDABLE = ("callbacks", "logger", "run_callbacks")
"""Groups with a list of choices, to which ``+GROUP=NAME`` adds one."""

WRITTEN = (
    "unif2ace.",
    "torch.optim.",
    "torch.nn.",
    "lightning.pytorch.",
    "torchmetrics.",
    "timm.",
)
"""Prefixes that a `_target_` may start with."""

LIVING = (
    "unif2ace.",
    "torch.optim.",
    "torch.nn.",
    "lightning.pytorch.",
    "lightning.fabric.",
    "torchmetrics.",
    "timm.",
)
"""Prefixes of the modules in which the resolved object of a `_target_` may be defined."""

HYDRA_KEYS = {"_target_", "_partial_", "_recursive_", "_convert_", "_args_"}


def instantiate(config: Any, *, allow: Iterable[str] = (), **kwargs: Any) -> Any:
    """Builds the object of a configuration, after checking every `_target_` in it.

    Args:
        config: A node with `_target_`, possibly nested.
        allow: Further admitted prefixes, such as ``mylab.``: the configuration's `engine.allow`.
        kwargs: Further arguments of the outermost target.

    Returns:
        The object, or a `functools.partial` for a node with `_partial_: true`. Lists and mappings are passed as plain
        Python containers.

    Raises:
        ConfigError: If a target is not admitted, does not exist, has an unknown argument or lacks one.
    """
    check_list(allow, "engine.allow")
    node = config if OmegaConf.is_config(config) else OmegaConf.create(config)
    plain = _plain(node)
    where = (node._get_full_key(None) or "config") if isinstance(node, DictConfig) else "config"
    given = set(kwargs)
    for path, target in _targets(plain, where):
        _check(path, target, tuple(allow), given if path == where else set())
    try:
        return hydra_instantiate(plain, _convert_="all", **kwargs)
    except InstantiationException as error:
        cause = error.__cause__ or error
        if isinstance(cause, Unif2aceError):
            raise cause from error
        raise ConfigError(f"{where}: cannot build {plain.get('_target_')!r}: {cause}") from error


def instantiate_slots(config: Mapping[str, Any] | None, group: str, *, allow: Iterable[str] = ()) -> dict[str, Any]:
    """Builds every entry of a group of slots such as `callbacks` or `loss`.

    Raises:
        ConfigError: If an entry has no `_target_`: an override set a value of a slot that was not selected.
    """
    objects: dict[str, Any] = {}
    for name, node in (config or {}).items():
        if node is None:
            continue
        if not isinstance(node, Mapping) or "_target_" not in node:
            raise ConfigError(
                f"{group}.{name} has values but no `_target_`: it was configured but not selected; "
                f"{how_to_add(group, name)}, or drop the override `{group}.{name}.*`"
            )
        objects[name] = instantiate(node, allow=allow)
    return objects


def how_to_add(group: str, name: str) -> str:
    """What to type to select one more choice of a group.

    Args:
        group: The group.
        name: The choice.
    """
    if group in ADDABLE:
        return f"add it with `+{group}={name}`"
    return f"name it in one list with the others that are wanted, such as `{group}=[{name}]`"


def _plain(node: Any) -> Any:
    try:
        return OmegaConf.to_container(node, resolve=True, throw_on_missing=True)
    except (MissingMandatoryValue, InterpolationToMissingValueError) as error:
        key = getattr(error, "full_key", None) or "a value"
        raise ConfigError(f"{key} must be given: add `{key}=...`") from error


def _targets(node: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(node, dict):
        if "_target_" in node:
            yield path, node
        for key, value in node.items():
            yield from _targets(value, f"{path}.{key}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _targets(value, f"{path}[{index}]")


def _check(path: str, node: dict[str, Any], allow: tuple[str, ...], given: set[str]) -> None:
    target = node["_target_"]
    if not isinstance(target, str) or not target.startswith(WRITTEN + allow):
        admitted = ", ".join(WRITTEN + allow)
        raise ConfigError(
            f"{path}._target_ is {target!r}, which is not admitted; it may start with {admitted}. "
            "For a package of your own add `engine.allow=[mylab.]` on the command line"
        )
    found = _resolve(path, target)
    home = f"{getattr(found, '__module__', None) or ''}."
    if not home.startswith(LIVING + allow):
        raise ConfigError(f"{path}._target_ is {target!r}, which is really in {home[:-1]!r}: not admitted")
    _check_arguments(path, node, found, given)


def _resolve(path: str, target: str) -> Any:
    try:
        return get_object(target)
    except Exception as error:
        module, _, name = target.rpartition(".")
        try:
            known = vars(get_object(module))
        except Exception:
            known = {}
        raise ConfigError(
            f"{path}._target_ is {target!r}, which does not exist{nearest(name, known)} ({error})"
        ) from error


def takes(target: str, name: str, allow: Iterable[str] = ()) -> bool:
    """Whether a class or function of a configuration takes an argument; true if unknown."""
    if name in HYDRA_KEYS or not target.startswith(WRITTEN + tuple(allow)):
        return True
    try:
        parameters = inspect.signature(_resolve("", target)).parameters
    except (ConfigError, TypeError, ValueError):
        return True
    return name in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def _check_arguments(path: str, node: dict[str, Any], found: Any, given: set[str]) -> None:
    try:
        parameters = inspect.signature(found).parameters
    except (TypeError, ValueError):
        return
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return
    for name in node.keys() - HYDRA_KEYS - parameters.keys():
        mend = hint(f"{path}.{name}") or nearest(name, parameters) or f"; it takes {', '.join(parameters) or 'none'}"
        raise ConfigError(f"{path}.{name}: {node['_target_']} has no argument {name!r}{mend}")
    _check_types(path, node, found)
    _check_optimizer(path, node, found)
    if node.get("_partial_") or node.get("_args_"):
        return
    required = [
        n for n, p in parameters.items() if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]
    for name in required:
        if name not in node and name not in given:
            raise ConfigError(f"{path}.{name} is missing: {node['_target_']} needs it; add `{path}.{name}=...`")


def _is_list(hint: Any) -> bool:
    """Whether an annotation is a list of values, or None."""
    options = [o for o in get_args(hint) if o is not NoneType] if get_origin(hint) in (Union, UnionType) else [hint]
    return all(get_origin(option) in _LISTS for option in options)


_LISTS = (Sequence, Iterable, Collection, list, tuple, set, frozenset)


def _check_optimizer(path: str, node: dict[str, Any], found: Any) -> None:
    """Builds a torch optimiser for one small matrix, so that its ranges are checked before the data is made."""
    lr = node.get("lr", 0.0)
    if node.get("_partial_") and (
        isinstance(lr, bool | str) or (isinstance(lr, int | float) and not math.isfinite(lr))
    ):
        raise ConfigError(f"{path}.lr={str(lr).lower()}: it takes a finite number from 0 up")
    if not node.get("_partial_") or not str(getattr(found, "__module__", "")).startswith("torch.optim."):
        return
    import torch

    if not inspect.isclass(found) or not issubclass(found, torch.optim.Optimizer):
        return
    try:
        found([torch.zeros(2, 2, requires_grad=True)], **{k: v for k, v in node.items() if k not in HYDRA_KEYS})
    except (TypeError, ValueError, RuntimeError) as error:
        given = ", ".join(f"{path}.{k}={v}" for k, v in node.items() if k not in HYDRA_KEYS)
        raise ConfigError(f"{given}: {node['_target_']} refuses this: {error}") from error


_PLAIN = {int: (int,), float: (int, float), bool: (bool,), str: (str,)}


def _check_types(path: str, node: dict[str, Any], found: Any) -> None:
    """Checks values whose annotation is a plain type or a list; classes check all other values themselves."""
    try:
        hints = get_type_hints(found.__init__ if inspect.isclass(found) else found)
    except Exception:
        return
    for name, value in node.items():
        if value is not None and _is_list(hints.get(name)):
            check_list(value, f"{path}.{name}")
        wanted = _PLAIN.get(hints.get(name))  # type: ignore[arg-type]
        if wanted and (not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted)):
            raise ConfigError(f"{path}.{name} is {value!r}; {node['_target_']} takes {hints[name].__name__} here")
