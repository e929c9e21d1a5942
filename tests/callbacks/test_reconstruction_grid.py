"""The sheet of pictures over their reconstructions, as PNG and in TensorBoard."""

from __future__ import annotations

from pathlib import Path

import lightning.pytorch as pl
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.data import DataLoader

from unif2ace.callbacks.reconstructions import ReconstructionGrid, arrange
from unif2ace.loggers.tensorboard import TensorBoardLogger
from unif2ace.nets.tokenizer.base import from_uint8
from unif2ace.types import Batch, StepOutput


class _Copies(pl.LightningModule):
    """Gives each picture back, darker by 10."""

    def validation_step(self, batch: Batch, batch_idx: int) -> dict:
        darker = (batch.image.int() - 10).clamp(min=0).to(torch.uint8)
        return {"step": StepOutput(batch, reconstruction=from_uint8(darker))}


def _batches() -> list[Batch]:
    images = torch.arange(7).view(7, 1, 1, 1).expand(7, 3, 8, 8).to(torch.uint8) * 20 + 40
    valid = torch.arange(7) != 2
    task = torch.zeros(7, dtype=torch.int8)
    return [
        Batch(task[s], torch.arange(7)[s], valid[s], image=images[s].contiguous()) for s in (slice(0, 4), slice(4, 7))
    ]


def test_rows_alternate_and_pixels_are_enlarged():
    images = torch.arange(4, dtype=torch.uint8).view(4, 1, 1, 1).expand(4, 3, 2, 2)
    sheet = arrange(images, images + 100, columns=2, scale=3)
    assert sheet.shape == (3, 3 * (4 * 4 + 2), 3 * (2 * 4 + 2))
    middle = sheet[0, 9::12, 9::12]  # a pixel of each picture
    assert middle[:, :2].tolist() == [[0, 1], [100, 101], [2, 3], [102, 103]]


def test_valid_pictures_stand_over_what_came_back_and_are_logged(tmp_path: Path):
    logger = TensorBoardLogger(str(tmp_path))
    trainer = pl.Trainer(
        accelerator="cpu",
        logger=logger,
        callbacks=[ReconstructionGrid(tmp_path / "sheets", count=4, columns=4)],
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
    trainer.validate(_Copies(), DataLoader(_batches(), batch_size=None), verbose=False)
    sheet = Image.open(tmp_path / "sheets" / "step-0000000.png")
    assert sheet.size == (4 * 10 + 2, 2 * 10 + 2)
    shades = [[sheet.getpixel((4 + 10 * x, 4 + 10 * y))[0] for x in range(4)] for y in range(2)]
    assert shades == [[40, 60, 100, 120], [30, 50, 90, 110]]
    logger.experiment.flush()
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert events.Tags()["images"] == ["val/reconstructions"]
