"""Steps of pictures and reconstructions, for the tests of metrics."""

from __future__ import annotations

import torch
from torch import Tensor

from unif2ace.types import Batch, Quantized, StepOutput, Task


def picture_step(
    image: Tensor,
    made: Tensor,
    valid: list[bool] | None = None,
    index: Tensor | None = None,
    ids: Tensor | None = None,
    num_codes: int = 0,
) -> StepOutput:
    """A step of uint8 pictures; `made` is what a reconstruction shows, in 0..255, of any kind of number."""
    rows = len(image)
    batch = Batch(
        torch.full((rows,), int(Task.IMAGE), dtype=torch.int8),
        torch.arange(rows) if index is None else index,
        torch.ones(rows, dtype=torch.bool) if valid is None else torch.tensor(valid),
        image=image,
    )
    z = torch.zeros(rows, 1, 1, 1)
    quantized = None if ids is None else Quantized(z, z, z, ids, num_codes=num_codes)
    return StepOutput(batch, image=image / 127.5 - 1, reconstruction=made.float() / 127.5 - 1, quantized=quantized)


def random_pictures(seed: int, rows: int, size: int = 8) -> Tensor:
    """uint8 (rows, 3, size, size)."""
    draw = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (rows, 3, size, size), generator=draw, dtype=torch.uint8)


def noisy(image: Tensor, seed: int, spread: float = 20.0) -> Tensor:
    """The pictures with noise, rounded and clamped: uint8."""
    draw = torch.Generator().manual_seed(seed)
    return (image + spread * torch.randn(image.shape, generator=draw)).round().clamp(0, 255).to(torch.uint8)
