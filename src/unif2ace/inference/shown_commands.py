"""The commands that made a network, without places of the machine."""

from __future__ import annotations

import json
import re
import shlex

from unif2ace.engine.snapshot import ENVIRONMENT
from unif2ace.engine.weights import Weights

_PLACE = re.compile(r"(?<![\w./~-])/(?:[^\s/,\]}'\"]+/)*([^\s/,\]}'\"]+/[^\s/,\]}'\"]+)")
"""An absolute path, with its last two names."""


def shown_commands(weights: Weights) -> list[str]:
    """The commands of a run, each once and quoted for a shell; absolute paths are shortened to names.

    Args:
        weights: Weights in the folder of their run, or with the commands in their header.
    """
    path = weights.path.parent / ENVIRONMENT
    typed = [shlex.split(command) for command in weights.header.get("commands", ())]
    if not typed and path.is_file():  # of an older run
        typed = [json.loads(path.read_text(encoding="utf-8"))["argv"]]
    kept = [[_PLACE.sub(r"\1", word) for word in words if not word.startswith(("ckpt=", "resume="))] for words in typed]
    return list(dict.fromkeys(map(shlex.join, kept)))
