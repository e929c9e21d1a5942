"""Labels that texts state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from unif2ace.language.reading import ParsedCaption


def labels_of(readings: Sequence[ParsedCaption]) -> Tensor:
    """The labels that captions state or deny, int8 (S, A); for a contradiction, the first statement counts."""
    import numpy as np
    import torch

    from unif2ace.data.tasks.base import attribute_labels

    return torch.from_numpy(np.stack([attribute_labels(reading.values) for reading in readings]))
