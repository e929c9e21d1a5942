"""The webdataset library without its ways to run code.

Its default decoder opens pickles and its URLs may be shell commands; `enforce_security` forbids both. The import is
late because it imports torch, which commands that only read do not need.
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
