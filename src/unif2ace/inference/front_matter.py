"""The YAML front matter of a model card, which model hubs read."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import yaml

from unif2ace.errors import DataError

_EDGE = "---\n"
LICENSES = (
    *("apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0"),
    *("cc-by-nc-sa-4.0", "cc-by-nc-nd-4.0", "gpl-3.0", "agpl-3.0", "openrail"),
)
"""License identifiers of the hub. For other licenses the front matter states ``other`` and the license's name."""


def write_front_matter(fingerprints: Mapping[str, str], license: str) -> str:
    """Writes the front matter of a release's card.

    Args:
        fingerprints: Fingerprints of the released weights, by kind.
        license: License of the weights.
    """
    known = license.strip().lower()
    named = {"license": known} if known in LICENSES else {"license": "other", "license_name": license}
    tree: dict[str, Any] = {
        **named,
        **({} if known in LICENSES else {"license_link": "LICENSE"}),
        "library_name": "unif2ace",
        "pipeline_tag": "text-to-image",
        "language": ["en"],
        "tags": ["face-generation", "visual-question-answering", "image-captioning", "discrete-diffusion", "unif2ace"],
        "unif2ace": {"version": package_version(), "fingerprints": dict(fingerprints)},
    }
    return _EDGE + yaml.safe_dump(tree, sort_keys=False, allow_unicode=True, width=1000) + _EDGE


def package_version() -> str:
    """Version of the installed package; ``source`` if the package is used without installation."""
    try:
        return version("unif2ace")
    except PackageNotFoundError:
        return "source"


def front_matter(card: Path) -> dict[str, Any]:
    """Reads the front matter of a card. The result is empty if the card or its front matter is missing.

    Raises:
        DataError: If the front matter is not YAML.
    """
    text = card.read_text(encoding="utf-8") if card.is_file() else ""
    if not text.startswith(_EDGE) or f"\n{_EDGE}" not in text:
        return {}
    try:
        found = yaml.safe_load(text[len(_EDGE) : text.index(f"\n{_EDGE}") + 1])
    except yaml.YAMLError as error:
        raise DataError(f"{card}: the front matter is not valid YAML: {error}") from error
    return found if isinstance(found, dict) else {}


def license_text(license: str) -> str:
    """Text of the file ``LICENSE`` of a release."""
    known = license.strip().lower() in LICENSES
    line = f"The weights in this folder are licensed under: {license}\n"
    return f"SPDX-License-Identifier: {license}\n\n{line}" if known else line
