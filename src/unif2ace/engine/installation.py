"""Checks that code and configurations come from the same checkout or installation."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

import unif2ace
from unif2ace.errors import ConfigError

CONFIGS = "unif2ace_configs"


@cache
def check_installation() -> None:
    """Checks that ``unif2ace`` and ``unif2ace_configs`` come from the same checkout or installation.

    Raises:
        ConfigError: If the configurations are missing, or come from another checkout or installation.
    """
    code = Path(unif2ace.__file__).parent
    spec = importlib.util.find_spec(CONFIGS)
    folders = [Path(f) for f in (spec.submodule_search_locations or ())] if spec else []
    checkout = code.parents[1] if code.parent.name == "src" else None
    mend = f"`pip install -e {checkout}`" if checkout else "`pip install --force-reinstall unif2ace`"
    if not folders:
        raise ConfigError(f"package {CONFIGS}, the configurations of {code}, is not installed: run {mend}")
    if not any(belong(code, folder) for folder in folders):
        raise ConfigError(
            f"the code is {code}, but the configurations {folders[0].resolve()} belong to another checkout or "
            f"installation: run {mend}, or remove {code.parent} from PYTHONPATH"
        )


def belong(code: Path, configs: Path) -> bool:
    """Whether both folders have the same parent, or lie in the same checkout.

    Args:
        code: Folder of the package ``unif2ace``.
        configs: Folder of the package ``unif2ace_configs``.
    """
    if code.parent == configs.parent:
        return True
    code, configs = code.resolve(), configs.resolve()
    return configs.parent in (code.parent, code.parents[1] if code.parent.name == "src" else code.parent)
