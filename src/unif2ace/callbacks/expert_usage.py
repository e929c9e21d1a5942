"""How often experts are chosen, after each validation.

Shapes: R routers, G groups (0 Gen, 1 Und), E experts of a group.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from unif2ace.loggers.media import log_values, media_loggers
from unif2ace.nets.moe.sequence import SequenceLevel
from unif2ace.types import Batch, StepOutput

GROUPS = ("gen", "und")
TITLES = {"gen": "generation", "und": "understanding"}
Frequencies = Mapping[str, Mapping[str, NDArray[np.float32]]]
"""Frequencies float32 (R, E) by level and group."""


class ExpertUsage(pl.Callback):
    """Logs how evenly experts are used, and plots how often each is chosen (after figure 5 of arXiv 2503.08120).

    The *frequency* of an expert is the share of its group's tokens (samples, at the sequence level) that chose it. The
    frequencies of a layer sum to K, the number of experts chosen per token. For each level and group it logs

    - ``val/evenness``, the mean over layers of the entropy of all choices over the entropy of uniform use: 1 if all
      experts are used equally, 0 if only one is;
    - ``val/busiest``, the maximum over layers of the largest load over the mean load: 1 to E / K. With one device per
      expert it is the slowdown from imbalance;
    - ``val/dead``, the number of experts of all layers that were never chosen in the split.

    The values of each layer go to loggers that take figures, as ``experts/VALUE/LEVEL/GROUP/LAYER``.

    The plot has a panel for each level and group, a row for each layer, lowest first, and a column for each expert. It
    goes to a PNG file and to the loggers that take figures. A dense network has no plot. A JSON file beside the PNG
    file holds the frequencies of each panel, with the names of its experts.

    Args:
        folder: Folder of the files; created with the first file.
        name: Name of the PNG files; ``{step}`` is replaced by the step.
    """

    def __init__(self, folder: str | Path, name: str = "step-{step:07d}.png") -> None:
        self.folder, self.name = Path(folder), name
        self._sums: dict[str, list[Tensor]] = {}

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Clears the previous validation."""
        self._sums = {}

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Adds the routers' choices."""
        step: StepOutput = outputs["step"]
        levels: dict[str, list[Tensor]] = {}
        for stats in step.unified.routers if step.unified is not None else ():
            levels.setdefault(stats.level, []).append(torch.cat([stats.assigned, stats.count[:, None]], 1).detach())
        for level, sums in levels.items():
            before = self._sums.get(level)
            self._sums[level] = sums if before is None else [a + b for a, b in zip(before, sums, strict=True)]

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Logs the values and plots the frequencies."""
        if not self._sums or trainer.sanity_checking:
            return
        found: dict[str, dict[str, NDArray[np.float32]]] = {}
        layers: dict[str, list[float]] = {}
        for level, sums in self._sums.items():
            sums_RGX = trainer.strategy.reduce(torch.stack(sums), reduce_op="sum")
            frequency_RGE = sums_RGX[..., :-1] / sums_RGX[..., -1:]  # NaN for a group without tokens
            for g, group in enumerate(GROUPS):
                if sums_RGX[0, g, -1] > 0:
                    found.setdefault(level, {})[group] = frequency_RGE[:, g].float().cpu().numpy()
                    for name, (value_R, over_layers) in loads(frequency_RGE[:, g].float()).items():
                        pl_module.log(f"val/{name}/{level}/{group}", over_layers(value_R))
                        layers[f"experts/{name}/{level}/{group}"] = value_R.tolist()
        if trainer.is_global_zero and found:
            self._write(trainer, pl_module, found)
            self._show(trainer, found, layers)

    def _write(self, trainer: pl.Trainer, module: Any, found: Frequencies) -> None:
        """Writes the JSON file."""
        if trainer.fast_dev_run:  # type: ignore[attr-defined]
            return
        layer = next((m for m in module.modules() if isinstance(m, SequenceLevel)), None)
        names = dict(zip(GROUPS, layer.names, strict=True)) if layer else {}
        panels = [
            {
                "level": level,
                "group": group,
                "task": TITLES[group],
                "experts": _experts(frequency_RE.shape[1], names.get(group, ()) if level == "sequence" else ()),
                "frequency": frequency_RE.astype(float).round(6).tolist(),
            }
            for level, groups in found.items()
            for group, frequency_RE in groups.items()
        ]
        tree = {"format": 1, "step": trainer.global_step, "panels": panels}
        self.folder.mkdir(parents=True, exist_ok=True)
        file = (self.folder / self.name.format(step=trainer.global_step)).with_suffix(".json")
        file.write_text(json.dumps(tree) + "\n", encoding="utf-8")

    def _show(self, trainer: pl.Trainer, found: Frequencies, layers: Mapping[str, Sequence[float]]) -> None:
        panels = {f"{level}, {TITLES[g]}": one for level, groups in found.items() for g, one in groups.items()}
        figure = draw(panels)
        if not trainer.fast_dev_run:  # type: ignore[attr-defined]
            self.folder.mkdir(parents=True, exist_ok=True)
            figure.savefig(self.folder / self.name.format(step=trainer.global_step))
        for logger in media_loggers(trainer):
            logger.log_figure("val/experts", figure, trainer.global_step)
        numbers = {f"{name}/{n:02}": value for name, values in layers.items() for n, value in enumerate(values)}
        log_values(trainer, numbers)


def _experts(number: int, names: Sequence[str]) -> list[str]:
    """Names of a group's experts; 1, 2, ... if they have none."""
    return list(names) if len(names) == number else [str(n + 1) for n in range(number)]


def loads(frequency_RE: Tensor) -> dict[str, tuple[Tensor, Callable[[Tensor], Tensor]]]:
    """``evenness``, ``busiest`` and ``dead`` of each layer, float (R,), and the reduction of each over layers."""
    return {
        "evenness": (evenness(frequency_RE), torch.mean),
        "busiest": (frequency_RE.amax(1) / frequency_RE.mean(1), torch.amax),
        "dead": ((frequency_RE == 0).sum(1).float(), torch.sum),
    }


def evenness(frequency_RE: Tensor) -> Tensor:
    """Entropy of the choices over its maximum log E, float (R,), in [0, 1]; 1 for a single expert."""
    share_RE = frequency_RE / frequency_RE.sum(1, keepdim=True)
    if share_RE.shape[1] == 1:
        return torch.ones_like(share_RE[:, 0])
    entropy_R: Tensor = torch.special.entr(share_RE).sum(1)
    return entropy_R / float(np.log(share_RE.shape[1]))


def draw(panels: dict[str, NDArray[np.float32]]) -> Figure:
    """Heat maps, one below the other.

    Args:
        panels: Frequencies float32 (R, E) by title.
    """
    heights = [1.0 + 0.25 * len(panel) for panel in panels.values()]
    figure = Figure(figsize=(7, sum(heights)), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    axes = np.atleast_1d(figure.subplots(len(panels), 1, height_ratios=heights))
    for axis, (title, frequency_RE) in zip(axes, panels.items(), strict=True):
        image = axis.imshow(frequency_RE, aspect="auto", vmin=0, vmax=1, cmap="magma", interpolation="nearest")
        axis.set(title=title, xlabel="expert", ylabel="layer")
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.yaxis.get_major_locator().set_params(integer=True)
        figure.colorbar(image, ax=axis, label="share of tokens" if title.startswith("token") else "share of samples")
    return figure
