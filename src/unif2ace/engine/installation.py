"""Code and configurations must be of one checkout or one installation."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

import unif2ace
from unif2ace.errors import ConfigError

CONFIGS = "unif2ace_configs"


@cache
def check_installation() -> None:
    """Checks that this code and the package of configurations belong together.

    Raises:
        ConfigError: If the configurations are missing, or are those of another checkout or installation.
    """
    code = Path(unif2ace.__file__).parent
    spec = importlib.util.find_spec(CONFIGS)
    folders = [Path(f) for f in (spec.submodule_search_locations or ())] if spec else []
    checkout = code.parents[1] if code.parent.name == "src" else None
    mend = f"`pip install -e {checkout}`" if checkout else "`pip install --force-reinstall unif2ace`"
    if not folders:
        raise ConfigError(f"the configurations of {code} are not installed ({CONFIGS} is missing): {mend}")
    if not any(belong(code, folder) for folder in folders):
        raise ConfigError(
            f"the code is {code}, but the configurations are {folders[0].resolve()}, of another checkout or "
            f"installation: {mend}, or take {code.parent} out of PYTHONPATH"
        )


def belong(code: Path, configs: Path) -> bool:
    """Whether a folder of code and one of configurations lie beside each other, or in one checkout.

    Args:
        code: Folder of the package ``unif2ace``.
        configs: Folder of the package ``unif2ace_configs``.
    """
    if code.parent == configs.parent:
        return True
    code, configs = code.resolve(), configs.resolve()
    return configs.parent in (code.parent, code.parents[1] if code.parent.name == "src" else code.parent)
