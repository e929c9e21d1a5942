"""Images, tokens and memory of a run, counted without synchronising the device."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor, nn

from unif2ace.types import Batch

GIB = 2**30


class Seen:
    """Counts the images and tokens of all ranks: text ids and image tokens, without padding and task tokens.

    Every data-parallel rank is assumed to process as many tokens as this one, so no communication is needed.

    Attributes:
        images: Number of images.
    """

    def __init__(self) -> None:
        self.images = 0
        self._tokens: Tensor | int = 0  # stays on the device until it is read
        self._before = 0

    def add(self, trainer: pl.Trainer, net: nn.Module | None, batch: Any) -> None:
        """Counts a batch of this rank; anything but a `Batch` counts as samples without tokens."""
        ranks = data_ranks(trainer)
        self.images += ranks * len(batch)
        number = getattr(net, "num_image_tokens", 0)
        if isinstance(batch, Batch) and number:
            tokens = 0 if batch.text_length is None else batch.text_length.sum()
            self._tokens = self._tokens + ranks * (number * len(batch) + tokens)

    @property
    def tokens(self) -> int:
        """Number of tokens; reading it waits for the device."""
        return self._before + int(self._tokens)

    def state_dict(self) -> dict[str, int]:
        """Numbers of images and tokens."""
        return {"images": self.images, "tokens": self.tokens}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Restores the numbers."""
        self.images, self._before, self._tokens = state["images"], state["tokens"], 0


def data_ranks(trainer: pl.Trainer) -> int:
    """Number of ranks that process different samples."""
    kwargs = getattr(trainer.strategy, "distributed_sampler_kwargs", None) or {}
    return int(kwargs.get("num_replicas", 1))


def memory_in_use(device: torch.device) -> int:
    """Bytes of tensors on a GPU; on other devices, bytes of the process."""
    if device.type == "cuda":
        return torch.cuda.memory_allocated(device)
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if statm.is_file() else peak_memory(device)


def peak_memory(device: torch.device) -> int:
    """Peak bytes of tensors on a GPU; on other devices, of the process; 0 if unknown."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        import resource
    except ImportError:
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
