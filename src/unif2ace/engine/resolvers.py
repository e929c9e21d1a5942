"""The few functions that configuration files may call, such as ``${cwd:}`` and ``${world_size:1,2}``."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from unif2ace.errors import ConfigError

if TYPE_CHECKING:
    from unif2ace.attributes import Label


def world_size(num_nodes: int, devices: int | str | list[int]) -> int:
    """Number of training processes: nodes times devices per node.

    Args:
        num_nodes: Nodes of the job.
        devices: Per node: a count, a list of ids, or ``auto`` / ``-1`` for every GPU (one process without any).

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
    """The folder that Hydra made for this run; `default` where none was made, as in a notebook."""
    if not HydraConfig.initialized() or OmegaConf.is_missing(HydraConfig.get().runtime, "output_dir"):
        return default
    return str(HydraConfig.get().runtime.output_dir)


def given_run_dir(default: str, *, _root_: DictConfig) -> str:
    """The folder that was asked for with `run_dir`, so that Hydra's log and record lie there too; else `default`."""
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
"""Levels whose product is near a codebook's size (FSQ, arXiv 2309.15505, table 1; that for 8192 is ours)."""


def fsq_levels(codebook_size: int) -> list[int]:
    """Levels of finite scalar quantization with about as many codes.

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
    """Bits of a code.

    Args:
        codebook_size: A power of two.

    Raises:
        ConfigError: If it is none.
    """
    bits = int(codebook_size).bit_length() - 1
    if codebook_size != 2**bits:
        raise ConfigError(f"codebook_size={codebook_size}: lfq needs a power of two, such as {2**bits}")
    return bits


def attribute_labels(which: str = "labels") -> list[str]:
    """Names of the 46 attributes, in the taxonomy's order; with ``all`` its details too, after them."""
    return [label.name for label in _attributes(which)]


def attribute_families(which: str = "labels") -> list[str]:
    """Of each attribute its family: appearance, action or emotion; detail."""
    return [label.family for label in _attributes(which)]


def attribute_groups(which: str = "labels") -> list[str]:
    """Of each attribute the group of the field that it is derived from, such as hair."""
    from unif2ace.attributes import TAXONOMY

    return [TAXONOMY.fields[label.field].group for label in _attributes(which)]


def _attributes(which: str) -> list[Label]:
    from unif2ace.attributes import TAXONOMY

    if which not in ("labels", "all"):
        raise ConfigError(f"attributes {which!r}: 'labels' are the 46 of the paper, 'all' has the details too")
    return [*TAXONOMY.labels.values(), *(TAXONOMY.details.values() if which == "all" else ())]


def visual_dims(conditions: Any) -> dict[str, int]:
    """Of each selected condition the numbers of its vectors, as its file says.

    Args:
        conditions: The configuration's `condition` node.
    """
    return {str(name): int(node["dim"]) for name, node in (conditions or {}).items()}


def fast_precision(accelerator: str) -> str:
    """Precision of training that is fast on this machine: ``bf16-mixed`` where it computes that fast, else ``32-true``.

    Args:
        accelerator: As the Trainer takes it; ``auto`` for a GPU if there is one.
    """
    import torch

    from unif2ace.hardware import fast_bfloat16

    gpu = accelerator in ("gpu", "cuda") or (accelerator == "auto" and torch.cuda.is_available())
    return "bf16-mixed" if fast_bfloat16("cuda" if gpu else "cpu") else "32-true"


def register() -> None:
    """Makes the resolvers known to OmegaConf; calling it again changes nothing."""
    OmegaConf.register_new_resolver("cwd", lambda: str(Path.cwd()), replace=True)
    OmegaConf.register_new_resolver("cpu_count", lambda: os.cpu_count() or 1, replace=True)
    OmegaConf.register_new_resolver("output_dir", output_dir, replace=True)
    OmegaConf.register_new_resolver("given_run_dir", given_run_dir, replace=True)
    for function in (attribute_labels, attribute_families, attribute_groups, fsq_levels, num_bits, visual_dims):
        OmegaConf.register_new_resolver(function.__name__, _contained(function), replace=True)
    OmegaConf.register_new_resolver("fast_precision", fast_precision, replace=True)
    OmegaConf.register_new_resolver("world_size", world_size, replace=True)


def _contained(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, with lists and mappings as OmegaConf's own: ``--cfg job --resolve`` takes no others."""

    def resolver(*given: Any) -> Any:
        value = function(*given)
        return OmegaConf.create(value) if isinstance(value, (list, dict)) else value

    return resolver
