"""Safe instantiation: builds only classes whose modules are on an allowlist.

Hydra calls any function that a `_target_` names, and a configuration may come from an untrusted folder or checkpoint.
The name must therefore start with an allowed prefix (`WRITTEN`). The module that defines the resolved object must start
with an allowed prefix too (`LIVING`), so an alias of `os.system` in an allowed package is rejected.
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
"""Groups that take a list of choices. ``+GROUP=NAME`` adds a choice to the list."""

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
"""Prefixes of the modules that may define the object to which a `_target_` resolves."""

HYDRA_KEYS = {"_target_", "_partial_", "_recursive_", "_convert_", "_args_"}


def instantiate(config: Any, *, allow: Iterable[str] = (), **kwargs: Any) -> Any:
    """Checks every `_target_` in a configuration, then builds its object.

    Args:
        config: A node with `_target_`, possibly nested.
        allow: Module prefixes that a `_target_` may have besides the default ones, such as ``mylab.`` (`engine.allow`).
        kwargs: Additional arguments of the outermost `_target_`.

    Returns:
        The object, or a `functools.partial` for a node with `_partial_: true`. Lists and mappings are passed as plain
        Python containers.

    Raises:
        ConfigError: If a `_target_` is not allowed or does not exist, or an argument is unknown or missing.
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
    """Builds every entry of a group such as `callbacks` or `loss`.

    Raises:
        ConfigError: If an entry has no `_target_`: an override set one of its values, but did not select the entry.
    """
    objects: dict[str, Any] = {}
    for name, node in (config or {}).items():
        if node is None:
            continue
        if not isinstance(node, Mapping) or "_target_" not in node:
            raise ConfigError(
                f"{group}.{name} has values but no `_target_`, because it is not selected; "
                f"{how_to_add(group, name)}, or remove the override `{group}.{name}.*`"
            )
        objects[name] = instantiate(node, allow=allow)
    return objects


def how_to_add(group: str, name: str) -> str:
    """Says what to type to select one more choice of a group.

    Args:
        group: Name of the group, such as ``callbacks``.
        name: Name of the choice.
    """
    if group in ADDABLE:
        return f"add it with `+{group}={name}`"
    return f"list it together with the other choices, such as `{group}=[{name},...]`"


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
            f"{path}._target_={target}: not allowed; it may start with {admitted}. "
            "For your own package add `engine.allow=[mylab.]` on the command line"
        )
    found = _resolve(path, target)
    home = f"{getattr(found, '__module__', None) or ''}."
    if not home.startswith(LIVING + allow):
        raise ConfigError(f"{path}._target_={target}: not allowed, because it is defined in {home[:-1]!r}")
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
        raise ConfigError(f"{path}._target_={target} does not exist{nearest(name, known)} ({error})") from error


def takes(target: str, name: str, allow: Iterable[str] = ()) -> bool:
    """Whether the class or function `target` takes an argument `name`; true if its signature is unknown."""
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
    """Whether a type annotation is a list, possibly optional."""
    options = [o for o in get_args(hint) if o is not NoneType] if get_origin(hint) in (Union, UnionType) else [hint]
    return all(get_origin(option) in _LISTS for option in options)


_LISTS = (Sequence, Iterable, Collection, list, tuple, set, frozenset)


def _check_optimizer(path: str, node: dict[str, Any], found: Any) -> None:
    """Builds a torch optimizer for a 2 x 2 matrix, so that bad values fail before the data sets are built."""
    lr = node.get("lr", 0.0)
    if node.get("_partial_") and (
        isinstance(lr, bool | str) or (isinstance(lr, int | float) and not math.isfinite(lr))
    ):
        raise ConfigError(f"{path}.lr={str(lr).lower()}: must be a finite number from 0 up")
    if not node.get("_partial_") or not str(getattr(found, "__module__", "")).startswith("torch.optim."):
        return
    import torch

    if not inspect.isclass(found) or not issubclass(found, torch.optim.Optimizer):
        return
    try:
        found([torch.zeros(2, 2, requires_grad=True)], **{k: v for k, v in node.items() if k not in HYDRA_KEYS})
    except (TypeError, ValueError, RuntimeError) as error:
        given = ", ".join(f"{path}.{k}={v}" for k, v in node.items() if k not in HYDRA_KEYS)
        raise ConfigError(f"{given}: {node['_target_']} rejects these values: {error}") from error


_PLAIN = {int: (int,), float: (int, float), bool: (bool,), str: (str,)}


def _check_types(path: str, node: dict[str, Any], found: Any) -> None:
    """Checks values whose annotation is int, float, bool, str or a list. Classes check all other values themselves."""
    try:
        hints = get_type_hints(found.__init__ if inspect.isclass(found) else found)
    except Exception:
        return
    for name, value in node.items():
        if value is not None and _is_list(hints.get(name)):
            check_list(value, f"{path}.{name}")
        wanted = _PLAIN.get(hints.get(name))  # type: ignore[arg-type]
        if wanted and (not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted)):
            raise ConfigError(f"{path}.{name}={value!r}: {node['_target_']} takes {hints[name].__name__} here")
