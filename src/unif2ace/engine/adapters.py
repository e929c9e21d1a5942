"""Low-rank adapters (`finetune=lora`): writes them to a file, and merges them into the base weights."""

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
        state: State dict of the run's network, with adapters.
        tree: Metadata of the run, see `RunMetadata.tree`.

    Returns:
        Path of the file; None if the state has no adapters.
    """
    from unif2ace.nets.lora import adapters_of

    found = adapters_of(state)
    if not found:
        return None
    provenance = {k: v for k, v in tree.items() if k not in ("kind", "net")} | {"adapts": tree["kind"]}
    return save_weights(folder / ADAPTERS_FILE, found, kind=KIND, config=tree["net"], provenance=provenance).path


def merge_adapters(adapters: str | Path, base: str | Path, out: Path) -> Weights:
    """Adds the adapters to the base weights (``W + alpha / rank * B A``) and writes the result.

    Args:
        adapters: The run's ``adapters.safetensors``.
        base: Weights that the run started from (`init_from`), as a path for `read_weights`.
        out: Weights file to write.

    Raises:
        ConfigError: If `adapters` holds no adapters, `base` is not what they were trained on, or the folder of `out`
            has another text tokenizer.
        DataError: If a file does not exist or is damaged.
    """
    import torch

    from unif2ace.nets.lora import DOWN, merged, scale_of

    ours = read_weights(adapters)
    if ours.kind != KIND:
        raise ConfigError(
            f"{ours.path} holds weights of kind {ours.kind!r}: give the {ADAPTERS_FILE} of a finetune=lora run"
        )
    theirs, wanted = read_weights(base, ours.header["adapts"]), ours.header.get("started_from", "")
    if theirs.short != wanted:
        raise ConfigError(
            f"{ours.path} was trained on weights {wanted}, but {theirs.path} has fingerprint {theirs.short}: give the "
            "weights that init_from named in that run"
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
    """Copies the run's text tokenizer into the folder of the merged weights."""
    ours, theirs = source / TEXT_FILE, target / TEXT_FILE
    if not ours.is_file():
        return
    if not theirs.exists():
        target.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ours, theirs)
    elif not filecmp.cmp(ours, theirs, shallow=False):
        raise ConfigError(f"{theirs} differs from the run's text tokenizer {ours}: give out=... in another folder")
