"""Prompts of graders, read from files. Results contain the hash of the file."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from unif2ace.errors import ConfigError

_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w%]|\.\d)")
_LABEL = re.compile(r"^(?:\W*(?:the\s+)?(?:final\s+)?scores?\W+)?", re.IGNORECASE)
_KEYS: dict[str, type | tuple[type, ...]] = {
    "system": str,
    "user": str,
    "minimum": (int, float),
    "maximum": (int, float),
    "scores": int,
}


@dataclass(frozen=True, slots=True)
class GradingPrompt:
    """Instructions for a grader.

    Attributes:
        system: System message.
        user: User message, with placeholders such as ``{answer}``.
        minimum: Lowest score.
        maximum: Highest score.
        scores: Number of scores in a reply: 1, or 2 for the reference and the answer.
        digest: SHA-256 of the file, in hexadecimal.
    """

    system: str
    user: str
    minimum: float
    maximum: float
    scores: int
    digest: str

    def filled(self, fields: Mapping[str, str]) -> str:
        """The user message with the placeholders replaced by `fields`."""
        return re.sub(r"\{(\w+)\}", lambda found: fields.get(found[1], found[0]), self.user)

    def read(self, reply: str) -> tuple[float, ...] | None:
        """The scores in a reply; None unless its first line holds exactly `scores` numbers in [minimum, maximum].

        Args:
            reply: A reply as in LLaVA-Bench: only the scores on the first line, and optionally an explanation below.
                "Score:" before the scores, and "/MAXIMUM" after a single score, are accepted.
        """
        line = next((line for line in reply.splitlines() if line.strip()), "")
        line = _LABEL.sub("", line.strip(" *`#"))
        if self.scores == 1:
            line = re.sub(rf"\s*(?:/|out of)\s*{self.maximum:g}\b", "", line)
        found = tuple(float(number) for number in _NUMBER.findall(line))
        rest = _NUMBER.sub("", line).strip(" ,;.*`")
        fits = len(found) == self.scores and all(self.minimum <= one <= self.maximum for one in found)
        return found if fits and not rest else None


def load_prompt(name: str, file: str | Path | None = None) -> GradingPrompt:
    """Reads a grading prompt.

    Args:
        name: Name of the metric, which selects the default prompt.
        file: A YAML file with ``system``, ``user``, ``minimum``, ``maximum`` and ``scores``; None for the default.

    Raises:
        ConfigError: If the file cannot be read, or has missing, unknown or invalid keys.
    """
    key = f"metric.{name}.prompt_file={file}"
    try:
        own = files(__package__).joinpath("prompts", f"{name}.yaml")
        text = own.read_bytes() if file is None else Path(file).read_bytes()
        tree: Any = yaml.safe_load(text)
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{key} cannot be read ({str(error).splitlines()[0]}): give a YAML file") from error
    wrong = [k for k, kind in _KEYS.items() if not isinstance(tree, dict) or not isinstance(tree.get(k), kind)]
    if wrong or tree.keys() - _KEYS or tree["scores"] not in (1, 2) or not tree["minimum"] < tree["maximum"]:
        raise ConfigError(
            f"{key}: give the keys system and user (texts), minimum < maximum (numbers), scores (1 or 2) and no others"
            + (f"; wrong or missing: {', '.join(wrong)}" if wrong else "")
        )
    return GradingPrompt(**tree, digest=hashlib.sha256(text).hexdigest())
