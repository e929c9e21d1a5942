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
    """Loads a trained model, see `unif2ace.inference.pipeline.load`. Example: ``load()("a smiling woman").images``.

    Args:
        path: ``builtin``, a release folder, a run folder, or ``owner/name`` on the Hugging Face hub.
        revision: Branch, tag or commit on the hub.
        device: PyTorch device such as ``cuda``; None for a GPU if one is available, else the CPU.
        allow: Prefixes of further classes that a configuration may instantiate, see `engine.allow`.
        components: New paths of moved components, such as ``tokenizer=PATH`` or ``attributes=PATH``.
    """
    from unif2ace.inference.pipeline import load as load_pipeline  # torch is imported only when a model is wanted

    return load_pipeline(path, revision=revision, device=device, allow=allow, **components)
