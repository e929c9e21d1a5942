"""Entry point ``lmms_eval.models``, which registers the model in lmms-eval."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def manifest() -> Any:
    """The model's name and the import path of its class. lmms-eval imports the class when the model is selected."""
    registry = import_module("lmms_eval.models.registry_v2")
    return registry.ModelManifest("unif2ace", simple_class_path=f"{__package__}.model.Unif2ace")
