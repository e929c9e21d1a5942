"""The page on reliability names tests that there are."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "explanation" / "reliability.md"


def test_every_test_named_exists():
    files = {file.stem: file.read_text() for file in TESTS.rglob("test_*.py")}
    named = re.findall(r"`(test_\w+)::(test_\w+)`", PAGE.read_text())
    assert len(named) > 30
    missing = [f"{file}::{name}" for file, name in named if f"def {name}(" not in files.get(file, "")]
    assert not missing
