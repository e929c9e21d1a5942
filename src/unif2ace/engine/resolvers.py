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
    """Number of training processes: nodes x devices per node.

    Args:
        num_nodes: Number of nodes.
        devices: Devices per node: a count, a list of ids, or ``auto`` / ``-1`` for all GPUs (1 if there is no GPU).

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
    """The run folder that Hydra created; `default` if Hydra does not run, as in a notebook."""
    if not HydraConfig.initialized() or OmegaConf.is_missing(HydraConfig.get().runtime, "output_dir"):
        return default
    return str(HydraConfig.get().runtime.output_dir)


def given_run_dir(default: str, *, _root_: DictConfig) -> str:
    """The typed `run_dir`, so that Hydra writes its files there too; `default` if none was typed."""
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
"""FSQ levels by codebook size; their product is near that size (arXiv 2309.15505, table 1; 8192 is our choice)."""


def fsq_levels(codebook_size: int) -> list[int]:
    """Levels of finite scalar quantization for a codebook size.

    Args:
        codebook_size: A key of `FSQ_LEVELS`.

    Raises:
        ConfigError: If `codebook_size` is not a key of `FSQ_LEVELS`.
    """
    if codebook_size not in FSQ_LEVELS:
        sizes = ", ".join(map(str, FSQ_LEVELS))
        raise ConfigError(
            f"codebook_size={codebook_size}: fsq has levels only for {sizes}; for another size give "
            "quantizer.levels=[...], such as [8,5,5,5]"
        )
    return list(FSQ_LEVELS[codebook_size])


def num_bits(codebook_size: int) -> int:
    """Number of bits of a code: log2(`codebook_size`).

    Args:
        codebook_size: A power of two.

    Raises:
        ConfigError: If `codebook_size` is not a power of two.
    """
    bits = int(codebook_size).bit_length() - 1
    if codebook_size != 2**bits:
        raise ConfigError(f"codebook_size={codebook_size}: lfq needs a power of two, such as {2**bits}")
    return bits


def attribute_labels(which: str = "labels") -> list[str]:
    """Names of the 46 attributes in the taxonomy's order; with ``all``, the names of its details follow."""
    return [label.name for label in _attributes(which)]


def attribute_families(which: str = "labels") -> list[str]:
    """Family of each attribute: appearance, action, emotion or detail."""
    return [label.family for label in _attributes(which)]


def attribute_groups(which: str = "labels") -> list[str]:
    """Group of each attribute in the taxonomy, such as hair."""
    from unif2ace.attributes import TAXONOMY

    return [TAXONOMY.fields[label.field].group for label in _attributes(which)]


def _attributes(which: str) -> list[Label]:
    from unif2ace.attributes import TAXONOMY

    if which not in ("labels", "all"):
        raise ConfigError(f"attributes {which!r}: give 'labels' (the paper's 46) or 'all' (with the details)")
    return [*TAXONOMY.labels.values(), *(TAXONOMY.details.values() if which == "all" else ())]


def visual_dims(encoders: Any) -> dict[str, int]:
    """Feature dimension (`dim`) of each selected visual encoder.

    Args:
        encoders: The configuration's `visual_encoder` node.
    """
    return {str(name): int(node["dim"]) for name, node in (encoders or {}).items()}


def optimizer_of(optimizer: Any) -> dict[str, Any]:
    """The `optimizer` node without its parameter groups: the arguments of the optimizer class."""
    return {str(key): value for key, value in _plain(optimizer).items() if key != "groups"}


def groups_of(optimizer: Any) -> dict[str, Any]:
    """The named parameter groups of the `optimizer` node."""
    return dict(_plain(optimizer).get("groups") or {})


def _plain(node: Any) -> dict[str, Any]:
    plain: Any = OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else node or {}
    return dict(plain)


def fast_precision(accelerator: str) -> str:
    """``bf16-mixed`` if the hardware computes fast in bfloat16, else ``32-true``.

    Args:
        accelerator: Accelerator of the Trainer; ``auto`` is a GPU if the machine has one, else the CPU.
    """
    import torch

    from unif2ace.hardware import fast_bfloat16

    gpu = accelerator in ("gpu", "cuda") or (accelerator == "auto" and torch.cuda.is_available())
    return "bf16-mixed" if fast_bfloat16("cuda" if gpu else "cpu") else "32-true"


def monitored(optimized: Any) -> str:
    """The metric that selects the best weights: the first optimized metric, or ``val/loss`` if there is none.

    ``test/NAME`` becomes ``val/NAME``, the name that a validation logs.

    Args:
        optimized: The configuration's `optimized_metric`: a name, a list of names, or null.
    """
    names = [optimized] if isinstance(optimized, str) else list(optimized or ())
    if not names:
        return "val/loss"
    own = names[0].removeprefix("test/")
    return own if own == names[0] else f"val/{own}"


def mode_of(monitor: Any, *, _root_: DictConfig) -> str:
    """``min`` if a lower value of a metric is better, ``max`` if a higher value is better.

    For an optimized metric this is the direction of the search. For losses and metrics of the package it is known.

    Args:
        monitor: Name of the metric.

    Raises:
        ConfigError: If the mode is not known, or `monitor` is not a name.
    """
    if not isinstance(monitor, str):
        raise ConfigError(
            "monitor: give a metric, such as val/loss; to keep no best weights, give run_callbacks.best=null"
        )
    direction = OmegaConf.select(_root_, "hparams_search.direction")
    if direction is not None and monitor == monitored(_root_.optimized_metric):
        return str(direction if isinstance(direction, str) else direction[0])[:3]
    found = known_mode(monitor, choices_of("loss"))
    if found is None:
        raise ConfigError(f"monitor={monitor}: give monitor_mode=min if a lower value is better, or monitor_mode=max")
    return found


def register() -> None:
    """Registers the resolvers with OmegaConf. Repeated calls are harmless."""
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
    """Wraps a function to return OmegaConf containers for lists and dicts, as ``--cfg job --resolve`` requires."""

    def resolver(*given: Any) -> Any:
        value = function(*given)
        return OmegaConf.create(value) if isinstance(value, (list, dict)) else value

    return resolver
