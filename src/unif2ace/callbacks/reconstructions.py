"""Images above their reconstructions, after each validation. Shapes: B images of H x W pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from PIL import Image
from torch import Tensor
from torchvision.utils import make_grid

from unif2ace.loggers.media import media_loggers
from unif2ace.nets.tokenizer.base import to_uint8
from unif2ace.types import Batch, StepOutput


class ReconstructionGrid(pl.Callback):
    """Writes the first images of the validation split, always the same ones, each above its reconstruction.

    They go to PNG files and to the loggers that take pictures.

    Args:
        folder: Folder of the PNG files; created with the first file.
        count: Number of images.
        columns: Images per row.
        scale: Sheet pixels per image pixel, along each side.
        name: File name; ``{step}`` is replaced by the step.
    """

    def __init__(
        self,
        folder: str | Path,
        count: int = 32,
        columns: int = 16,
        scale: int = 1,
        name: str = "step-{step:07d}.png",
    ) -> None:
        self.folder, self.count, self.columns, self.scale, self.name = Path(folder), count, columns, scale, name
        self._images: list[Tensor] = []
        self._reconstructions: list[Tensor] = []

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Clears the images of the previous validation."""
        self._images, self._reconstructions = [], []

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Stores the first images; padding samples are left out."""
        missing = self.count - sum(map(len, self._images))
        step: StepOutput = outputs["step"]
        if not trainer.is_global_zero or missing <= 0 or step.reconstruction is None or batch.image is None:
            return
        self._images.append(batch.image[batch.valid][:missing].cpu())
        self._reconstructions.append(to_uint8(step.reconstruction)[batch.valid][:missing].cpu())

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Writes and logs the sheet."""
        if not self._images or trainer.sanity_checking:
            return
        sheet = arrange(torch.cat(self._images), torch.cat(self._reconstructions), self.columns, self.scale)
        if not trainer.fast_dev_run:  # type: ignore[attr-defined]
            self.folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(sheet.permute(1, 2, 0).numpy()).save(
                self.folder / self.name.format(step=trainer.global_step)
            )
        for logger in media_loggers(trainer):
            logger.log_picture("val/reconstructions", sheet.permute(1, 2, 0).numpy(), trainer.global_step)


def arrange(images: Tensor, reconstructions: Tensor, columns: int, scale: int = 1) -> Tensor:
    """One sheet of alternating rows: images, then their reconstructions.

    Args:
        images: uint8 (B, 3, H, W).
        reconstructions: uint8 (B, 3, H, W).
        columns: Images per row.
        scale: Side of the square that shows one pixel.

    Returns:
        uint8 (3, height, width).
    """
    columns = min(columns, len(images))
    rows = [
        pair
        for start in range(0, len(images) - columns + 1, columns)
        for pair in (images[start : start + columns], reconstructions[start : start + columns])
    ]
    sheet: Tensor = make_grid(torch.cat(rows), nrow=columns, padding=2, pad_value=255)
    return sheet.repeat_interleave(scale, dim=1).repeat_interleave(scale, dim=2)
