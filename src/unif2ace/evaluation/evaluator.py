"""The evaluator of generated faces: an attribute classifier that the evaluated model does not use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unif2ace.engine.weights import BUILTIN, Weights, load_net, read_header, read_weights
from unif2ace.errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor

    from unif2ace.data.shards import ShardReader

KIND = "attributes"
BUILTIN_EVALUATOR = BUILTIN / "evaluator.safetensors"
"""The evaluator included in the package, trained on synthetic 64x64 faces. The builtin model does not use it."""


@dataclass(frozen=True, slots=True)
class Evaluator:
    """An attribute classifier that serves as evaluator.

    Attributes:
        net: An `AttributesNet` with calibrated probabilities, in evaluation mode.
        fingerprint: Fingerprint of the classifier's weights.
        device: Torch device.
    """

    net: Any
    fingerprint: str
    device: str = "cpu"

    def sees(self, images: Any, batch_size: int = 64) -> tuple[Tensor, Tensor]:
        """Predicts labels and features of images.

        Args:
            images: uint8 (B, 3, H, W), or another input of `unif2ace.data.images.as_images`.
            batch_size: Images per batch.

        Returns:
            bool (B, A), labels with a probability above 0.5; float (B, D), pooled features.

        Raises:
            DataError: If `as_images` cannot convert the images.
        """
        import torch

        from unif2ace.attributes import TAXONOMY
        from unif2ace.data.images import as_images
        from unif2ace.inference.arguments import batches

        images = as_images(images)
        features: list[Tensor] = []
        seen: list[Tensor] = []
        with torch.inference_mode():
            for rows in batches(len(images), batch_size):
                batch = images[rows].to(self.device)
                seen.append((self.net.probabilities(batch)[:, : len(TAXONOMY.labels)] > 0.5).cpu())
                features.append(self.net.features(batch).float().cpu())
        return torch.cat(seen), torch.cat(features)


def load_evaluator(
    path: str | Path,
    used: Mapping[str, Weights] | None = None,
    *,
    same: bool = False,
    device: str | None = None,
    allow: Iterable[str] = (),
) -> Evaluator:
    """Loads an evaluator, and checks that the evaluated model neither uses it nor was trained with it.

    Args:
        path: ``builtin``, a classifier's run folder or weights.
        used: The networks that the evaluated model uses, by kind.
        same: Whether to allow an evaluator that the model uses or was trained with. Its scores are then biased.
        device: Torch device; None for a GPU if there is one.
        allow: Prefixes of modules whose classes a weights file may name, besides the default ones (`engine.allow`).

    Raises:
        ConfigError: If the model uses the evaluator or was trained with it, or if it is not a classifier.
        DataError: If the weights cannot be read.
    """
    import torch

    weights = read_weights(BUILTIN_EVALUATOR if str(path) == "builtin" else path, KIND)
    net = load_net(weights, KIND, allow)
    for kind, other in (used or {}).items():
        teacher = other.header.get("components", {}).get(KIND, {}).get("fingerprint")
        taught = teacher in (weights.fingerprint, weights.trained_as)
        if not same and (taught or _alike(weights, other)):
            use = f"the model's {kind} was trained with" if taught else "the model itself uses"
            raise ConfigError(
                f"evaluator={path}: {use} this classifier ({weights.short}); train another, for example with "
                "`unif2ace-train experiment=attributes/quickstart seed=1 net.backbone=resnet18`, "
                "or set same_evaluator=true"
            )
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    return Evaluator(net.to(device), weights.fingerprint, device)


def check_builtin(path: str | Path, readers: Iterable[ShardReader]) -> None:
    """Raises an error if ``evaluator=builtin`` was not trained on this kind of faces.

    Args:
        path: Value of the key ``evaluator``.
        readers: Readers of the evaluated split.

    Raises:
        ConfigError: If `path` is ``builtin``, and the images are not synthetic faces of its training size.
    """
    from unif2ace.data.image_sizes import common_size

    if str(path) != "builtin":
        return
    side = read_header(BUILTIN_EVALUATOR)["image_size"][0]
    for reader in readers:
        source = reader.index.recipe.get("source", {}).get("name", "another source")
        size = common_size([(str(reader.folder), reader)]) or (side, side)
        if source != "synthetic" or size != (side, side):
            raise ConfigError(
                f"evaluator=builtin was trained on synthetic faces of {side}x{side} pixels, but {reader.folder} holds "
                f"{size[0]}x{size[1]} faces of {source}: train a classifier on these and give evaluator=RUN_FOLDER"
            )


def _alike(one: Weights, other: Weights) -> bool:
    """Whether two files hold the same network, possibly in different precision."""
    import torch

    if one.fingerprint == other.fingerprint:
        return True
    if one.kind != other.kind or one.state.keys() != other.state.keys():
        return False
    pairs = ((value, other.state[name]) for name, value in one.state.items() if value.is_floating_point())
    return all(a.shape == b.shape and torch.allclose(a.float(), b.float(), 1e-2, 1e-3) for a, b in pairs)
