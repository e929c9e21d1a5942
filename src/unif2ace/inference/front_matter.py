"""The front matter of a model card: what a hub reads about a model."""

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
"""Names that a hub knows; the front matter calls another license ``other`` and gives its name."""


def write_front_matter(fingerprints: Mapping[str, str], license: str) -> str:
    """The front matter of a release.

    Args:
        fingerprints: Fingerprints of the files, by kind.
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
    """Version of the installed package; ``source`` if only its code is there."""
    try:
        return version("unif2ace")
    except PackageNotFoundError:
        return "source"


def front_matter(card: Path) -> dict[str, Any]:
    """The front matter of a card; empty without one.

    Raises:
        DataError: If it is not YAML.
    """
    text = card.read_text(encoding="utf-8") if card.is_file() else ""
    if not text.startswith(_EDGE) or f"\n{_EDGE}" not in text:
        return {}
    try:
        found = yaml.safe_load(text[len(_EDGE) : text.index(f"\n{_EDGE}") + 1])
    except yaml.YAMLError as error:
        raise DataError(f"the front matter of {card} is not YAML: {error}") from error
    return found if isinstance(found, dict) else {}


def license_text(license: str) -> str:
    """Text of the file ``LICENSE`` of a release."""
    known = license.strip().lower() in LICENSES
    line = f"The weights in this folder are licensed under: {license}\n"
    return f"SPDX-License-Identifier: {license}\n\n{line}" if known else line
