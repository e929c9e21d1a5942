"""Cache for tensors computed from data: stored beside the data and read by later runs."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import time
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

import unif2ace
from unif2ace.data.atomic import replacing
from unif2ace.data.output_lock import output_lock
from unif2ace.errors import ConfigError, DataError

log = logging.getLogger(__name__)

FOLDER = ".cache"
KEPT = 8
"""Maximum number of cache files per name; older files are removed."""


def cached_tensors(
    folder: Path, name: str, settings: Mapping[str, Any], compute: Callable[[], Mapping[str, Tensor]]
) -> dict[str, Tensor]:
    """Reads tensors cached with the same settings and code; otherwise computes and caches them.

    While another process computes the same tensors, this process waits for the result. If the folder is not writable,
    the tensors are computed each time and a warning is logged.

    Args:
        folder: Folder of the data; the cache is its subfolder ``.cache``.
        name: Name of the tensors, for messages and the file name.
        settings: Everything that the tensors depend on except the code, as plain JSON.
        compute: Computes tensors of any shape (...) by name.
    """
    key = hashlib.sha256(json.dumps([settings, code_fingerprint()], sort_keys=True).encode()).hexdigest()
    file = folder / FOLDER / f"{name.replace(' ', '_')}-{key[:32]}.safetensors"
    found = _read(file, key, name)
    if found is not None:
        return found
    with contextlib.ExitStack() as held:
        kept = True
        try:
            held.enter_context(output_lock(file, "the data's folder", single=True, wait=True))
        except ConfigError as error:
            kept = False
            log.warning("%s: not cached for later runs: %s", name, str(error).partition(": give")[0])
        if kept and (found := _read(file, key, name)) is not None:
            return found
        log.info("%s: computing from the data, which may take a while; later runs read the cached result", name)
        began = time.monotonic()
        made = {part: value.contiguous() for part, value in compute().items()}
        log.info("%s: computed in %.1f s%s", name, time.monotonic() - began, f", kept in {file}" if kept else "")
        if kept:
            _write(file, key, name, made)
    return made


def _read(file: Path, key: str, name: str) -> dict[str, Tensor] | None:
    try:
        with safe_open(file, "pt") as opened:
            if (opened.metadata() or {}).get("key") == key:
                log.info("%s: read from %s", name, file)
                return {part: opened.get_tensor(part) for part in opened.keys()}  # noqa: SIM118 - no mapping
    except FileNotFoundError:
        return None
    except (OSError, SafetensorError) as error:
        log.warning("%s: the cache file %s cannot be read (%s); computing again", name, file, error)
    return None


def _write(file: Path, key: str, name: str, made: Mapping[str, Tensor]) -> None:
    try:
        with replacing(file) as opened:
            opened.write(safetensors.torch.save(dict(made), {"key": key}))
        others = sorted(file.parent.glob(f"{file.name.partition('-')[0]}-*.safetensors"), key=_age)
        for old in others[:-KEPT]:
            old.unlink(missing_ok=True)
    except (OSError, DataError) as error:
        log.warning("%s: not cached for later runs: %s", name, error)


def _age(file: Path) -> int:
    return file.stat().st_mtime_ns


@cache
def code_fingerprint() -> str:
    """Hash of all source files of this package."""
    root = Path(unif2ace.__file__).parent
    digest = hashlib.sha256()
    for file in sorted(root.rglob("*.py")):
        digest.update(f"{file.relative_to(root)}\n".encode() + file.read_bytes())
    return digest.hexdigest()
