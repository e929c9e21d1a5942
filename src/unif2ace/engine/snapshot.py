"""Writes the configuration, command line, code state and versions of a run into its folder."""

from __future__ import annotations

import json
import platform
import shlex
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from unif2ace.engine.overrides import write_overrides

ENVIRONMENT = "environment.json"
PACKAGES = ("unif2ace", "torch", "torchvision", "lightning", "hydra-core", "timm", "numpy", "webdataset")


def write_snapshot(config: DictConfig, folder: str | Path) -> None:
    """Writes ``config.yaml`` (resolved), ``environment.json`` and ``.hydra/overrides.yaml`` into a run folder.

    Args:
        config: Configuration of the run.
        folder: The run folder; created if it is missing.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(OmegaConf.to_yaml(config, resolve=True), encoding="utf-8")
    write_overrides(config, folder)
    (folder / ENVIRONMENT).write_text(json.dumps(environment(), indent=1) + "\n", encoding="utf-8")


def typed_command() -> str:
    """The command line of this process as typed, quoted for a shell."""
    words = sys.orig_argv[1:]
    typed = ["python", *words] if not words or words[0].startswith("-") else [Path(words[0]).name, *words[1:]]
    return shlex.join(typed)


def environment() -> dict[str, Any]:
    """The command line, the git state, the platform, and the versions of Python and of `PACKAGES`."""
    return {
        "argv": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "command": typed_command(),
        "git": git_state(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        **_versions(),
    }


def git_state() -> dict[str, Any] | None:
    """Commit of the package's checkout and whether it has uncommitted changes; None outside a checkout."""
    here = Path(__file__).parent
    try:
        commit = _git("rev-parse", "HEAD", at=here)
        changed = _git("status", "--porcelain", at=here)
    except (OSError, subprocess.SubprocessError):
        return None
    return {"commit": commit, "changed": bool(changed)}


def _git(*words: str, at: Path) -> str:
    done = subprocess.run(["git", *words], cwd=at, capture_output=True, text=True, check=True, timeout=10)
    return done.stdout.strip()


def _versions() -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found
