"""Files of low-rank adapters (`finetune=lora`), and merging them into the weights that they were trained on."""

from __future__ import annotations

import filecmp
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unif2ace.engine.weights import TEXT_FILE, Weights, read_weights, save_weights
from unif2ace.errors import ConfigError

ADAPTERS_FILE = "adapters.safetensors"
KIND = "adapters"


def save_adapters(folder: Path, state: Mapping[str, Any], tree: Mapping[str, Any]) -> Path | None:
    """Writes the adapters of a run.

    Args:
        folder: The run's folder.
        state: State of its network, with adapters.
        tree: Metadata of the run.

    Returns:
        The file; None if there are no adapters.
    """
    from unif2ace.nets.lora import adapters_of

    found = adapters_of(state)
    if not found:
        return None
    provenance = {k: v for k, v in tree.items() if k not in ("kind", "net")} | {"adapts": tree["kind"]}
    return save_weights(folder / ADAPTERS_FILE, found, kind=KIND, config=tree["net"], provenance=provenance).path


def merge_adapters(adapters: str | Path, base: str | Path, out: Path) -> Weights:
    """Writes weights that compute the same as the base weights with adapters.

    Args:
        adapters: File of a run.
        base: The weights that the run started from, see `read_weights`.
        out: The file to write.

    Raises:
        ConfigError: If the first file holds no adapters, or they were trained on other weights, or the folder of the
            written file has another text tokenizer.
        DataError: If a file does not exist or is damaged.
    """
    import torch

    from unif2ace.nets.lora import DOWN, merged, scale_of

    ours = read_weights(adapters)
    if ours.kind != KIND:
        raise ConfigError(
            f"{ours.path} holds weights of kind {ours.kind!r}: give {ADAPTERS_FILE} of a run with adapters"
        )
    theirs, wanted = read_weights(base, ours.header["adapts"]), ours.header.get("started_from", "")
    if theirs.short != wanted:
        raise ConfigError(
            f"{ours.path} was trained on weights {wanted}, {theirs.path} are {theirs.short}: give init_from of that run"
        )
    missing = [n for n in ours.state if n.endswith(DOWN) and f"{n.removesuffix(DOWN)}.weight" not in theirs.state]
    if missing:
        raise ConfigError(f"{theirs.path} has no layer {missing[0].removesuffix(DOWN)!r}, which {ours.path} adapts")
    _copy_text_tokenizer(ours.path.parent, out.parent)
    wide = next(iter(ours.state.values())).dtype  # a release may hold half precision; training did not
    full = {
        n: v.to(torch.promote_types(v.dtype, wide)) if v.is_floating_point() else v for n, v in theirs.state.items()
    }
    state = merged({**full, **ours.state}, scale_of(ours.header))
    provenance = {k: v for k, v in ours.header.items() if k not in ("kind", "net", "adapts", "fingerprint", "format")}
    return save_weights(out, state, kind=theirs.kind, config=ours.config, provenance=provenance)


def _copy_text_tokenizer(source: Path, target: Path) -> None:
    """Puts the run's text tokenizer beside the weights that need it."""
    ours, theirs = source / TEXT_FILE, target / TEXT_FILE
    if not ours.is_file():
        return
    if not theirs.exists():
        target.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ours, theirs)
    elif not filecmp.cmp(ours, theirs, shallow=False):
        raise ConfigError(f"{theirs} is another text tokenizer than {ours}: write out=... in another folder")
