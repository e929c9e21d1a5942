"""Numbers of other implementations, where they are at hand."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

FIXTURES = Path(__file__).parents[2] / "../shared/fixtures"


@cache
def _loaded(name: str) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    path = FIXTURES / f"{name}.safetensors"
    if not path.is_file():
        pytest.skip(f"needs the golden numbers at {path}")
    return load_file(path), json.loads(path.with_suffix(".json").read_text())


def golden(name: str, case: str = "") -> dict[str, torch.Tensor]:
    """Tensors of a case by their last names: ``golden("diffusion/sedd", "noise.loglinear")``; without it, all."""
    tensors = _loaded(name)[0]
    start = f"{case}." if case else ""
    found = {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}
    assert found, f"{name} has no case {case}"
    return found


def about(name: str) -> dict[str, Any]:
    """What is known of a file's cases."""
    return _loaded(name)[1]
