"""Loads a trained model with an interface on tensors."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from unif2ace.inference.release import open_release
from unif2ace.inference.unified_model import UnifiedModel


def load_model(
    path: str | Path = "builtin",
    *,
    revision: str | None = None,
    device: str | None = None,
    allow: Iterable[str] = (),
    **components: str,
) -> UnifiedModel:
    """Loads a trained model that works on tensors. Use `unif2ace.load` for a pipeline that also reads picture files.

    Args:
        path: ``builtin``, a release folder, a run folder, or ``owner/name`` on the hub.
        revision: Branch, tag or commit on the hub.
        device: Torch device; None for a GPU if there is one.
        allow: Module prefixes whose classes a weights file may name, besides the default ones (`engine.allow`).
        components: New paths of the model's other networks, if they were moved: ``tokenizer=...``, ``attributes=...``.
            Any other name is an error.

    Raises:
        DataError: If a network is missing, damaged, or not the one that the model was trained with.
        ConfigError: If the weights are not those of a unified model, or an option is unknown.
    """
    return UnifiedModel(open_release(path, components, revision), device, allow)
