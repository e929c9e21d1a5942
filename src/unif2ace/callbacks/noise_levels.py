"""Losses of image tokens by noise level, the probability that a token is masked.

Shapes: B samples, G samples that generate, N image tokens, P masked tokens, S levels.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from unif2ace.diffusion.likelihood import token_nats
from unif2ace.errors import ConfigError
from unif2ace.loggers.media import log_values, media_loggers
from unif2ace.losses.observer import StepObserver
from unif2ace.sequence.positions import answer
from unif2ace.types import Batch, CorruptedTokens, Logits, StepOutput, UnifiedStep

VALUES = {"mask": "nats per masked token", "score": "nats per picture", "ratio": "score over mask"}
COLOURS, NAMES = {"train": "#c77f2b", "val": "#30507f"}, {"train": "training", "val": "validation"}


class NoiseLevels(StepObserver):
    r"""Logs and plots mask loss, score loss and their ratio at several noise levels.

    The *level* of a sample is :math:`1 - \alpha_t`, the probability that a token is masked; [0, 1] is divided into
    equal bins. *mask* is the mean cross-entropy of the masked tokens, *score* the mean over samples of
    :math:`\sum w(t)\,l`, as in `D3DiffLoss` before its factors (``score_scale=exact``).

    All validation batches are used, with the same noise every time. Training steps are sampled every `every_n_steps`
    steps since the last validation. Values go to the loggers that take figures as ``noise_val/mask/0.35``, where 0.35
    is the middle of the bin. The figure goes to these loggers and to a PNG file. A JSON file beside it holds the values
    by stage; its ``levels`` are the middles of the bins, and null marks a bin without samples. Nothing is written if no
    loss reads masked image tokens.

    Args:
        folder: Folder of the files; created with the first file.
        levels: Number of bins.
        every_n_steps: Training steps between two sampled steps.
        name: Name of the PNG files; ``{step}`` is replaced by the step.

    Raises:
        ConfigError: If `levels` or `every_n_steps` is below 1.
    """

    def __init__(
        self, folder: str | Path, levels: int = 10, every_n_steps: int = 10, name: str = "step-{step:07d}.png"
    ) -> None:
        if levels < 1 or every_n_steps < 1:
            raise ConfigError(
                f"callbacks.noise_levels: levels={levels}, every_n_steps={every_n_steps}: both must be at least 1"
            )
        self.folder, self.levels, self.every_n_steps, self.name = Path(folder), levels, every_n_steps, name
        self._sums: dict[str, Tensor] = {}

    def observe(self, trainer: pl.Trainer, step: StepOutput) -> None:
        """Adds every `every_n_steps`-th training step."""
        if trainer.global_step % self.every_n_steps == 0:
            self._add("train", step)

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Clears the previous validation."""
        self._sums.pop("val", None)

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Adds a batch."""
        self._add("val", outputs["step"])

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Logs, plots and restarts the training sums."""
        if trainer.sanity_checking:
            return
        curves: dict[str, dict[str, NDArray[np.float64]]] = {}
        for stage in ("train", "val"):
            mine = self._sums.pop(stage, torch.zeros(4, self.levels, dtype=torch.float32))
            sums: Tensor = trainer.strategy.reduce(mine.to(pl_module.device), reduce_op="sum")
            if bool(sums[1].sum() > 0):
                curves[stage] = curves_of(sums.cpu().double().numpy())
        if trainer.is_global_zero and curves:
            self._show(trainer, curves)

    def _add(self, stage: str, step: StepOutput) -> None:
        unified = step.unified
        if unified is None or unified.corrupted is None:
            return
        logits = masked_logits(unified)
        if logits is None:
            return
        sums = sums_of(logits, unified.corrupted, step.batch.valid, self.levels)
        self._sums[stage] = self._sums[stage] + sums if stage in self._sums else sums

    def _show(self, trainer: pl.Trainer, curves: Mapping[str, Mapping[str, NDArray[np.float64]]]) -> None:
        figure, middles = draw(curves), (np.arange(self.levels) + 0.5) / self.levels
        if not trainer.fast_dev_run:  # type: ignore[attr-defined]
            self.folder.mkdir(parents=True, exist_ok=True)
            file = self.folder / self.name.format(step=trainer.global_step)
            figure.savefig(file)
            values = {
                stage: {name: [float(v) if np.isfinite(v) else None for v in one] for name, one in of_stage.items()}
                for stage, of_stage in curves.items()
            }
            tree = {"step": trainer.global_step, "levels": middles.round(6).tolist(), "curves": values}
            file.with_suffix(".json").write_text(json.dumps(tree) + "\n", encoding="utf-8")
        numbers = {
            f"noise_{stage}/{value}/{middle:.3g}": float(number)
            for stage, values in curves.items()
            for value in VALUES
            for middle, number in zip(middles, values[value], strict=True)
            if np.isfinite(number)
        }
        log_values(trainer, numbers)
        for logger in media_loggers(trainer):
            logger.log_figure("val/noise_levels", figure, trainer.global_step)


def masked_logits(step: UnifiedStep) -> Logits | None:
    """Logits of the masked image tokens, over codes alone if a loss reads such logits; None if there are none."""
    found = [(r, logits) for r, logits in step.logits.items() if r.vocabulary != "text" and r.positions is not answer]
    return min(found, key=lambda item: item[0].vocabulary != "codebook")[1] if found else None


@torch.no_grad()
def sums_of(logits: Logits, corrupted: CorruptedTokens, valid: Tensor, levels: int) -> Tensor:
    """Sums by level, float32 (4, S): nats of masked tokens, their number, weighted nats, samples.

    Args:
        logits: Logits of masked image tokens; those of other tokens are ignored.
        corrupted: Codes of the G samples that generate.
        valid: bool (B,), samples that count.
        levels: S.
    """
    number = corrupted.x0.shape[1]
    g_P = logits.generation.clamp(0, len(corrupted.sample) - 1)
    token_P = logits.image_token.clamp(0, number - 1)
    inside_P = (corrupted.sample[g_P] == logits.sample) & (token_P == logits.image_token) & valid[logits.sample]
    counts_P = inside_P & (corrupted.xt[g_P, token_P] != corrupted.x0[g_P, token_P])
    nats_P = torch.where(counts_P, token_nats(logits).float(), 0)
    level_G = ((1 - corrupted.alpha) * levels).long().clamp(0, levels - 1)
    of_tokens = torch.stack([nats_P, counts_P.float(), corrupted.weight.float()[g_P] * nats_P])
    sums = torch.zeros(4, levels, dtype=torch.float32, device=nats_P.device)
    sums[:3].index_add_(1, level_G[g_P], of_tokens)
    sums[3].index_add_(0, level_G, valid[corrupted.sample].float())
    return sums


def curves_of(sums: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Values by level (S,), NaN without data: ``mask``, ``score``, ``ratio``, and ``rows``, the number of samples.

    Args:
        sums: float64 (4, S), as `sums_of` returns them.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        mask, score = sums[0] / sums[1], sums[2] / sums[3]
        return {"mask": mask, "score": score, "ratio": score / mask, "rows": sums[3]}


def draw(curves: Mapping[str, Mapping[str, NDArray[np.float64]]]) -> Figure:
    """Plots each value over the level, and the number of samples behind it.

    Args:
        curves: Curves (S,) of ``train`` and ``val``, see `curves_of`.
    """
    figure = Figure(figsize=(10, 6), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    panels = dict(zip([*VALUES, "rows"], figure.subplots(2, 2, sharex=True).flat, strict=True))
    for value, axis in panels.items():
        for stage, found in curves.items():
            number = len(found[value])
            middles = (np.arange(number) + 0.5) / number
            axis.plot(middles, found[value], ".-", color=COLOURS[stage], label=NAMES[stage])
        axis.set(title=value, ylabel=VALUES.get(value, "pictures that were read"), xlim=(0, 1))
        axis.grid(alpha=0.3)
        if value != "mask":
            axis.set_ylim(bottom=0)
    for value in ("ratio", "rows"):
        panels[value].set_xlabel("share of tokens that are masked")
    panels["mask"].legend(frameon=False)
    return figure
