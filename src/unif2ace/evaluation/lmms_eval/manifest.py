"""What lmms-eval finds by the entry point ``lmms_eval.models``."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def manifest() -> Any:
    """The model's name, and the path of its class, which lmms-eval imports when the model is chosen."""
    registry = import_module("lmms_eval.models.registry_v2")
    return registry.ModelManifest("unif2ace", simple_class_path=f"{__package__}.model.Unif2ace")
