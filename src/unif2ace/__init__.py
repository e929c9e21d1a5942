"""UniF²ace: one transformer that understands faces and generates them from text (arXiv 2503.08120)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from unif2ace.inference.pipeline import FacePipeline

__version__ = "0.2.0"


def load(
    path: str | Path = "builtin",
    *,
    revision: str | None = None,
    device: str | None = None,
    allow: Iterable[str] = (),
    **components: str,
) -> FacePipeline:
    """A trained model: ``load()("a smiling woman").images``; see `unif2ace.inference.pipeline.load`.

    Args:
        path: ``builtin``, a release folder, a run's folder, or ``owner/name`` on the hub.
        revision: Branch, tag or commit on the hub.
        device: Torch device; None for a GPU if there is one.
        allow: Further admitted prefixes of classes.
        components: New paths of the networks it uses, if they were moved: ``tokenizer=...``, ``attributes=...``.
    """
    from unif2ace.inference.pipeline import load as load_pipeline  # torch is imported only when a model is wanted

    return load_pipeline(path, revision=revision, device=device, allow=allow, **components)
