"""The OmegaConf resolvers of configuration files, such as ``${cwd:}`` and ``${world_size:1,2}``."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from unif2ace.engine.config_comments import choices_of
from unif2ace.errors import ConfigError
from unif2ace.metrics.directions import known_mode

if TYPE_CHECKING:
    from unif2ace.attributes import Label


def world_size(num_nodes: int, devices: int | str | list[int]) -> int:
    """Number of training processes: nodes times devices per node.

    Args:
        num_nodes: Number of nodes.
        devices: Devices per node: a count, a list of ids, or ``auto`` / ``-1`` for every GPU (one process without a
            GPU).

    Returns:
        At least 1.
    """
    if devices in ("auto", -1, "-1"):
        import torch

        per_node = max(1, torch.cuda.device_count())
    elif isinstance(devices, int) or (isinstance(devices, str) and devices.isdigit()):
        per_node = int(devices)
    else:
        per_node = len(devices.split(",")) if isinstance(devices, str) else len(devices)
    return max(1, int(num_nodes) * per_node)


def output_dir(default: str) -> str:
    """The run folder that Hydra created; `default` if there is none, as in a notebook."""
    if not HydraConfig.initialized() or OmegaConf.is_missing(HydraConfig.get().runtime, "output_dir"):
        return default
    return str(HydraConfig.get().runtime.output_dir)


def given_run_dir(default: str, *, _root_: DictConfig) -> str:
    """The value of `run_dir` if it was given, so that Hydra's files are written there too; else `default`."""
    given = _root_._get_node("run_dir")
    asked = given is not None and "${output_dir:" not in str(given._value())
    return str(_root_.run_dir) if asked else default


FSQ_LEVELS = {
    256: (8, 6, 5),
    1024: (8, 5, 5, 5),
    4096: (7, 5, 5, 5, 5),
    8192: (8, 8, 5, 5, 5),
    16384: (8, 8, 8, 6, 5),
    65536: (8, 8, 8, 5, 5, 5),
}
"""Levels whose product is near a codebook size (FSQ, arXiv 2309.15505, table 1; those for 8192 are our choice)."""


def fsq_levels(codebook_size: int) -> list[int]:
    """Levels of finite scalar quantization for a codebook size.

    Args:
        codebook_size: One of the sizes of `FSQ_LEVELS`.

    Raises:
        ConfigError: If the size is another.
    """
    if codebook_size not in FSQ_LEVELS:
        sizes = ", ".join(map(str, FSQ_LEVELS))
        raise ConfigError(f"codebook_size={codebook_size}: fsq has levels for {sizes}; give quantizer.levels=[8,5,5,5]")
    return list(FSQ_LEVELS[codebook_size])


def num_bits(codebook_size: int) -> int:
    """Number of bits of a code.

    Args:
        codebook_size: A power of two.

    Raises:
        ConfigError: If it is not a power of two.
    """
    bits = int(codebook_size).bit_length() - 1
    if codebook_size != 2**bits:
        raise ConfigError(f"codebook_size={codebook_size}: lfq needs a power of two, such as {2**bits}")
    return bits


def attribute_labels(which: str = "labels") -> list[str]:
    """Names of the 46 attributes, in the taxonomy's order; with ``all`` also its details, after them."""
    return [label.name for label in _attributes(which)]


def attribute_families(which: str = "labels") -> list[str]:
    """Family of each attribute: appearance, action, emotion or detail."""
    return [label.family for label in _attributes(which)]


def attribute_groups(which: str = "labels") -> list[str]:
    """Group of each attribute: the group of its field, such as hair."""
    from unif2ace.attributes import TAXONOMY

    return [TAXONOMY.fields[label.field].group for label in _attributes(which)]


def _attributes(which: str) -> list[Label]:
    from unif2ace.attributes import TAXONOMY

    if which not in ("labels", "all"):
        raise ConfigError(f"attributes {which!r}: 'labels' are the 46 of the paper, 'all' has the details too")
    return [*TAXONOMY.labels.values(), *(TAXONOMY.details.values() if which == "all" else ())]


def visual_dims(encoders: Any) -> dict[str, int]:
    """Feature dimension of each selected visual encoder, from its `dim`.

    Args:
        encoders: The configuration's `visual_encoder` node.
    """
    return {str(name): int(node["dim"]) for name, node in (encoders or {}).items()}


def optimizer_of(optimizer: Any) -> dict[str, Any]:
    """The configuration of the optimiser class: the `optimizer` node without its parameter groups."""
    return {str(key): value for key, value in _plain(optimizer).items() if key != "groups"}


def groups_of(optimizer: Any) -> dict[str, Any]:
    """The named parameter groups of the `optimizer` node."""
    return dict(_plain(optimizer).get("groups") or {})


def _plain(node: Any) -> dict[str, Any]:
    plain: Any = OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else node or {}
    return dict(plain)


def fast_precision(accelerator: str) -> str:
    """``bf16-mixed`` if this machine is fast at bfloat16, else ``32-true``.

    Args:
        accelerator: The Trainer's accelerator; ``auto`` for a GPU if there is one.
    """
    import torch

    from unif2ace.hardware import fast_bfloat16

    gpu = accelerator in ("gpu", "cuda") or (accelerator == "auto" and torch.cuda.is_available())
    return "bf16-mixed" if fast_bfloat16("cuda" if gpu else "cpu") else "32-true"


def monitored(optimized: Any) -> str:
    """The metric of the best weights: the first of the optimized ones as a validation logs it, or ``val/loss``.

    Args:
        optimized: The configuration's `optimized_metric`.
    """
    names = [optimized] if isinstance(optimized, str) else list(optimized or ())
    if not names:
        return "val/loss"
    own = names[0].removeprefix("test/")
    return own if own == names[0] else f"val/{own}"


def mode_of(monitor: Any, *, _root_: DictConfig) -> str:
    """``min`` or ``max``: whether a lower or a higher value of a metric is better.

    A search knows it of the metric that it optimizes. It is known of all losses and metrics of the package.

    Args:
        monitor: Name of the metric.

    Raises:
        ConfigError: If it is not known, or no metric is named.
    """
    if not isinstance(monitor, str):
        raise ConfigError("monitor: give a metric, such as val/loss; run_callbacks.best=null keeps no best weights")
    direction = OmegaConf.select(_root_, "hparams_search.direction")
    if direction is not None and monitor == monitored(_root_.optimized_metric):
        return str(direction if isinstance(direction, str) else direction[0])[:3]
    found = known_mode(monitor, choices_of("loss"))
    if found is None:
        raise ConfigError(f"monitor={monitor}: give monitor_mode=min if a lower value is better, or monitor_mode=max")
    return found


def register() -> None:
    """Registers the resolvers with OmegaConf; calling it again has no effect."""
    OmegaConf.register_new_resolver("cwd", lambda: str(Path.cwd()), replace=True)
    OmegaConf.register_new_resolver("cpu_count", lambda: os.cpu_count() or 1, replace=True)
    OmegaConf.register_new_resolver("output_dir", output_dir, replace=True)
    OmegaConf.register_new_resolver("given_run_dir", given_run_dir, replace=True)
    of_nodes = visual_dims, optimizer_of, groups_of
    for function in (attribute_labels, attribute_families, attribute_groups, fsq_levels, num_bits, *of_nodes):
        OmegaConf.register_new_resolver(function.__name__, _contained(function), replace=True)
    OmegaConf.register_new_resolver("monitored", monitored, replace=True)
    OmegaConf.register_new_resolver("mode_of", mode_of, replace=True)
    OmegaConf.register_new_resolver("fast_precision", fast_precision, replace=True)
    OmegaConf.register_new_resolver("world_size", world_size, replace=True)


def _contained(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with lists and mappings as OmegaConf containers, which ``--cfg job --resolve`` requires."""

    def resolver(*given: Any) -> Any:
        value = function(*given)
        return OmegaConf.create(value) if isinstance(value, (list, dict)) else value

    return resolver
