"""The commands that trained a network, without the absolute paths of the machine."""

from __future__ import annotations

import json
import re
import shlex

from unif2ace.engine.snapshot import ENVIRONMENT
from unif2ace.engine.weights import Weights

_PLACE = re.compile(r"(?<![\w./~-])/(?:[^\s/,\]}'\"]+/)*([^\s/,\]}'\"]+/[^\s/,\]}'\"]+)")
"""Matches an absolute path; the group contains its last two parts."""


def shown_commands(weights: Weights) -> list[str]:
    """The distinct commands of a run, quoted for a shell. Absolute paths are shortened to their last two parts.

    Args:
        weights: Weights with the commands in their header, or else in their run folder.
    """
    path = weights.path.parent / ENVIRONMENT
    typed = [shlex.split(command) for command in weights.header.get("commands", ())]
    if not typed and path.is_file():  # of an older run
        typed = [json.loads(path.read_text(encoding="utf-8"))["argv"]]
    kept = [[_PLACE.sub(r"\1", word) for word in words if not word.startswith(("ckpt=", "resume="))] for words in typed]
    return list(dict.fromkeys(map(shlex.join, kept)))
