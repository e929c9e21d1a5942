"""Attribute probabilities from a unified model's classifier. Shapes: B images of S x S pixels, A attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from unif2ace.engine.weights import load_net
from unif2ace.errors import ConfigError
from unif2ace.inference.arguments import batches

if TYPE_CHECKING:
    from torch import Tensor

    from unif2ace.inference.unified_model import UnifiedModel

KIND = "attributes"


def classifier_of(model: UnifiedModel, path: str | None = None) -> Any:
    """Loads an attribute classifier in evaluation mode onto the model's device.

    Args:
        model: The model.
        path: ``builtin``, a run folder or a weights file; None for the classifier that the model uses.

    Raises:
        DataError: If the classifier cannot be read.
        ConfigError: If `path` is None and the model uses no classifier.
    """
    given: Any = model.release.components.get(KIND) if path is None else path
    if given is None:
        raise ConfigError(
            "classifier=None, but this model uses no attribute classifier: give a classifier's run folder, or "
            "classifier=builtin, which was trained on synthetic faces of 64x64 pixels"
        )
    return load_net(given, KIND).to(model.device)


def attribute_probabilities(classifier: Any, images: Tensor, batch_size: int = 64) -> Tensor:
    """Calibrated probabilities of the labels of the taxonomy, float32 (B, A) on the CPU.

    Args:
        classifier: An `AttributesNet`.
        images: uint8 (B, 3, S, S).
        batch_size: Images per batch.
    """
    import torch

    from unif2ace.attributes import TAXONOMY

    device = classifier.scale.device
    with torch.inference_mode():
        found = [classifier.probabilities(images[rows].to(device)) for rows in batches(len(images), batch_size)]
    return torch.cat(found)[:, : len(TAXONOMY.labels)].cpu()
