"""Wraps a trained `AttributesNet` as the `FaceClassifier` of curation steps."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unif2ace.attributes import TAXONOMY


class NetClassifier:
    """Predicts attributes with an `AttributesNet`. Calls from several threads run one after another.

    Args:
        net: The network, in evaluation mode.
        fingerprint: Fingerprint of the network's weights.
        device: Torch device of the network.
    """

    def __init__(self, net: Any, fingerprint: str, device: str = "cpu") -> None:
        self._net, self._fingerprint, self._device = net.to(device), fingerprint, device
        self._lock = threading.Lock()
        self.names = (*TAXONOMY.labels, *TAXONOMY.details)[: len(net.scale)]

    def probabilities(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Calibrated probabilities, float32 (B, A). Images of the same size are predicted in one batch."""
        import torch

        found = np.empty((len(images), len(self.names)), dtype=np.float32)
        with self._lock, torch.inference_mode():
            for size in {image.shape for image in images}:
                rows = [row for row, image in enumerate(images) if image.shape == size]
                batch = torch.from_numpy(np.stack([images[row] for row in rows])).permute(0, 3, 1, 2)
                found[rows] = self._net.probabilities(batch.to(self._device)).cpu().numpy()
        return found

    def describe(self) -> dict[str, Any]:
        """The fingerprint of the weights."""
        return {"weights": self._fingerprint}
