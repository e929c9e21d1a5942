"""Generated faces and answers after each validation.

Shapes: B samples, N image tokens, T text tokens, H x W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.pytorch.plugins.precision import MixedPrecision
from numpy.typing import NDArray
from torch import Tensor

from unif2ace.callbacks.sample_sheets import Drawn, SampleAnswer, answers_sheet, as_table, faces_sheet
from unif2ace.diffusion.samplers.base import Sampler
from unif2ace.diffusion.samplers.maskgit import MaskgitSampler
from unif2ace.errors import ConfigError
from unif2ace.loggers.media import media_loggers
from unif2ace.nets.transformer.face_decoder import FaceDecoder
from unif2ace.types import Batch, Task

CUT = " ..."
"""Suffix of an answer that was cut off at `max_new` ids."""


@runtime_checkable
class DrawsFaces(Protocol):
    """A module whose network generates faces and answers questions about them."""

    @property
    def faces(self) -> FaceDecoder:
        """The current network with the components for generating faces and answering questions."""


@dataclass(slots=True)
class _Rows:
    """Samples of one task without padding: images uint8 (3, H, W) and codes int64 (N,)."""

    prompts: list[list[int]] = field(default_factory=list)
    answers: list[list[int]] = field(default_factory=list)
    images: list[Tensor] = field(default_factory=list)
    codes: list[Tensor] = field(default_factory=list)

    def keep(self, batch: Batch, task: Task, most: int) -> None:
        """Stores valid samples of the task until there are `most`."""
        missing = most - len(self.prompts)
        if missing <= 0:
            return
        for row in ((batch.task == task) & batch.valid).nonzero()[:missing, 0].tolist():
            prompt, answer = _first_turn(batch, row)
            self.prompts.append(prompt)
            self.answers.append(answer)
            if batch.image is not None:
                self.images.append(batch.image[row].cpu())
            if batch.image_ids is not None:
                self.codes.append(batch.image_ids[row].cpu())

    def of_pictures(self, faces: FaceDecoder, device: torch.device) -> Tensor:
        """Codes of the stored images, int64 (B, N)."""
        if self.codes:
            return torch.stack(self.codes).to(device)
        return faces.tokenizer.encode(torch.stack(self.images).to(device))


class Samples(pl.Callback):
    """Generates faces for the first captions of the validation split and answers its first questions.

    It uses the weights that validation uses (averaged, if the run averages them), and does not affect random state.
    Sheets go to PNG files and to the loggers that take pictures, which also get the answers as a table. The
    true face of each caption is shown as the tokenizer reconstructs it, the best that a model can generate. All ranks
    generate the same samples, because they may hold shards of one network.

    Args:
        folder: Folder of the files; created with the first file.
        prompts: Number of captions to generate faces for; 0 for none.
        seeds: Faces per caption.
        questions: Number of images to ask about; 0 for none.
        instruction: Second question about each image; None for none.
        max_new: Maximum text ids of an answer; a longer answer is cut and followed by dots.
        guidance: Scale of classifier-free guidance.
        sampler: Sampler of image codes; MaskGIT in 16 steps by default.
        scale: Sheet pixels per face pixel, along each side.
        name: File name; ``{step}`` is replaced by the step, ``{what}`` by ``faces`` or ``answers``.

    Raises:
        ConfigError: If `prompts` or `questions` is negative, or `seeds`, `max_new` or `scale` is below 1.
    """

    def __init__(
        self,
        folder: str | Path,
        prompts: int = 4,
        seeds: int = 4,
        questions: int = 6,
        instruction: str | None = "Describe this face.",
        max_new: int = 160,
        guidance: float = 2.0,
        sampler: Sampler | None = None,
        scale: int = 2,
        name: str = "{what}-step-{step:07d}.png",
    ) -> None:
        if min(prompts, questions) < 0 or min(seeds, max_new, scale) < 1:
            raise ConfigError(
                f"callbacks.samples: prompts={prompts} and questions={questions} must be 0 or more, seeds={seeds}, "
                f"max_new={max_new} and scale={scale} 1 or more"
            )
        self.folder, self.name, self.scale = Path(folder), name, scale
        self.prompts, self.seeds, self.questions = prompts, seeds, questions
        self.instruction, self.max_new = instruction, max_new
        self.guidance, self.sampler = guidance, sampler or MaskgitSampler()
        self._rows: dict[Task, _Rows] = {}

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Clears the previous validation."""
        self._rows = {Task.TEXT_TO_IMAGE: _Rows(), Task.UNDERSTANDING: _Rows()}

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Stores the first samples of both tasks; generates after the last batch, while averaged weights are in use."""
        if trainer.sanity_checking or not isinstance(pl_module, DrawsFaces):
            return
        for task, most in ((Task.TEXT_TO_IMAGE, self.prompts), (Task.UNDERSTANDING, self.questions)):
            self._rows[task].keep(batch, task, most)
        if batch_idx + 1 == trainer.num_val_batches[dataloader_idx]:
            rows: dict[Task, _Rows] = trainer.strategy.broadcast(self._rows)
            drawn = self._draw(trainer, pl_module, rows[Task.TEXT_TO_IMAGE])
            answered = self._answer(trainer, pl_module, rows[Task.UNDERSTANDING])
            if trainer.is_global_zero:
                self._show(trainer, drawn, answered)

    def _draw(self, trainer: pl.Trainer, module: Any, rows: _Rows) -> list[Drawn]:
        if not rows.prompts:
            return []
        faces, text = module.faces, trainer.datamodule.text_tokenizer  # type: ignore[attr-defined]
        prompt, length = _padded([p for p in rows.prompts for _ in range(self.seeds)], text.pad_id, module.device)
        seeds = [*range(self.seeds)] * len(rows.prompts)
        with _autocast(trainer):
            codes = faces.draw(prompt, length, seeds, self.sampler, self.guidance)
        made = _pixels(faces.tokenizer.decode(codes))
        true = _pixels(faces.tokenizer.decode(rows.of_pictures(faces, module.device)))
        return [
            Drawn(text.decode(ids), true[n], made[n * self.seeds : (n + 1) * self.seeds])
            for n, ids in enumerate(rows.prompts)
        ]

    def _answer(self, trainer: pl.Trainer, module: Any, rows: _Rows) -> list[SampleAnswer]:
        if not rows.prompts:
            return []
        faces, text = module.faces, trainer.datamodule.text_tokenizer  # type: ignore[attr-defined]
        instruction = text.encode_words([self.instruction])[0] if self.instruction else []
        further = [n for n, ids in enumerate(rows.prompts) if self.instruction and ids != instruction]
        place = [*range(len(rows.prompts)), *further]
        prompt, length = _padded([*rows.prompts, *[instruction] * len(further)], text.pad_id, module.device)
        codes = rows.of_pictures(faces, module.device)
        image = torch.stack(rows.images).to(module.device) if rows.images else None
        with _autocast(trainer):
            seen = None if image is None else image[place]
            found = faces.answer(codes[place], seen, prompt, length, max_new=self.max_new)
        rows_said = zip(found.ids.tolist(), found.length.tolist(), found.stopped.tolist(), strict=True)
        said = [text.decode(ids[:end]).strip() + ("" if stopped else CUT) for ids, end, stopped in rows_said]
        pixels = _pixels(faces.tokenizer.decode(codes) if image is None else image)
        own = zip(pixels, rows.prompts, rows.answers, said, strict=False)
        answered = [SampleAnswer(p, text.decode(q), a, text.decode(true).strip()) for p, q, true, a in own]
        for n, what in zip(further, said[len(answered) :], strict=True):
            answered[n] = replace(answered[n], instruction=self.instruction or "", said=what)
        return answered

    def _show(self, trainer: pl.Trainer, drawn: Sequence[Drawn], answered: Sequence[SampleAnswer]) -> None:
        sheets = {"faces": faces_sheet(drawn, self.scale)} if drawn else {}
        sheets |= {"answers": answers_sheet(answered, self.scale)} if answered else {}
        if sheets and not trainer.fast_dev_run:  # type: ignore[attr-defined]
            self.folder.mkdir(parents=True, exist_ok=True)
            for what, sheet in sheets.items():
                sheet.save(self.folder / self.name.format(step=trainer.global_step, what=what))
        for logger in media_loggers(trainer):
            for what, sheet in sheets.items():
                logger.log_picture(f"val/{what}", np.asarray(sheet), trainer.global_step)
            if answered:
                logger.log_table("val/answers", *as_table(answered), trainer.global_step)


def _autocast(trainer: pl.Trainer) -> AbstractContextManager[Any]:
    """The autocast context of validation steps, because hooks run outside it. Other precisions need none."""
    plugin = trainer.precision_plugin
    return plugin.autocast_context_manager() if isinstance(plugin, MixedPrecision) else nullcontext()


def _first_turn(batch: Batch, row: int) -> tuple[list[int], list[int]]:
    """Ids of a caption, or of the first question; and ids of its answer without eos."""
    assert batch.text is not None
    assert batch.text_length is not None
    assert batch.text_loss is not None
    length = int(batch.text_length[row])
    ids: list[int] = batch.text[row, :length].tolist()
    if batch.task[row] != Task.UNDERSTANDING:
        return ids, []
    answers: list[bool] = batch.text_loss[row, :length].tolist()
    start = answers.index(True)
    end = answers.index(False, start) if False in answers[start:] else length
    return ids[1 : start - 1], ids[start : end - 1]


def _padded(ids: Sequence[Sequence[int]], pad_id: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Ids, int64 (B, T) padded at the end, and their lengths, int64 (B,)."""
    padded = torch.full((len(ids), max(1, *map(len, ids))), pad_id)
    for row, found in enumerate(ids):
        padded[row, : len(found)] = torch.tensor(found, dtype=torch.int64)
    return padded.to(device), torch.tensor([len(found) for found in ids], device=device)


def _pixels(images: Tensor) -> NDArray[np.uint8]:
    """uint8 (B, 3, H, W) -> (B, H, W, 3)."""
    return images.permute(0, 2, 3, 1).cpu().numpy()
