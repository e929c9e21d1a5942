"""Attribute probabilities by the classifier of a unified model. Shapes: B images of S x S pixels, A attributes."""

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
    """The attribute classifier of a model's release, in evaluation mode on the model's device.

    Args:
        model: The model.
        path: Another classifier: ``builtin``, a run folder or weights; None for the one that the model uses.

    Raises:
        DataError: If it cannot be read.
        ConfigError: If the model uses none and no other is given.
    """
    given: Any = model.release.components.get(KIND) if path is None else path
    if given is None:
        raise ConfigError(
            "this model uses no attribute classifier: give classifier=... its run folder, or classifier=builtin, which "
            "learned from synthetic faces of 64 pixels"
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
