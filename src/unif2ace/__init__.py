"""UniF²ace: one transformer that understands faces and generates them from text (arXiv 2503.08120)."""

from __future__ import annotations

from typing import Any

__version__ = "0.2.0"


def load(path: str = "builtin", **options: Any) -> Any:
    """A trained model: ``load().generate("a smiling woman")``; see `unif2ace.inference.pipeline.load`.

    Args:
        path: ``builtin``, a release folder, or a run's folder.
        options: As of that function.
    """
    from unif2ace.inference.pipeline import load as load_model  # torch is imported only when a model is wanted

    return load_model(path, **options)
