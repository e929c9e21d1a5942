"""Imports the webdataset library with code execution disabled.

By default webdataset decodes pickles and runs URLs that are shell commands; `enforce_security` forbids both. webdataset
imports torch, so it is imported only on use: commands that only read shards start faster.
"""

from __future__ import annotations

import os
from types import ModuleType


def secured_webdataset() -> ModuleType:
    """The `webdataset` module, secured for this process and for worker processes that import it."""
    os.environ["WDS_SECURE"] = "1"
    import webdataset
    import webdataset.utils

    webdataset.utils.enforce_security = True
    module: ModuleType = webdataset
    return module
