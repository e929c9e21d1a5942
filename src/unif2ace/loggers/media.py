"""A common interface of the loggers for images, figures, texts and tables."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import lightning.pytorch as pl
import numpy as np
from lightning.pytorch.utilities import rank_zero_only
from numpy.typing import NDArray

from unif2ace.errors import ConfigError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Cell = str | int | float | None


class MediaLogger(ABC):
    """Base class of loggers that accept images, figures, texts and tables.

    Callbacks use this interface for every logger of `media_loggers`. By default, a figure is logged as an image and a
    table as a Markdown text.
    """

    @abstractmethod
    def log_picture(self, name: str, picture_HWC: NDArray[np.uint8], step: int) -> None:
        """Logs an image.

        Args:
            name: Name, such as ``val/faces``.
            picture_HWC: The image, uint8 (H, W, 3).
            step: Optimiser step.
        """

    @abstractmethod
    def log_text(self, name: str, text: str, step: int) -> None:
        """Logs a text.

        Args:
            name: Name, such as ``val/answers``.
            text: The text, in Markdown.
            step: Optimiser step.
        """

    def log_figure(self, name: str, figure: Figure, step: int) -> None:
        """Logs a Matplotlib figure.

        Args:
            name: Name, such as ``val/experts``.
            figure: The figure.
            step: Optimiser step.
        """
        self.log_picture(name, pixels_of(figure), step)

    def log_table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]], step: int) -> None:
        """Logs a table.

        Args:
            name: Name, such as ``val/questions``.
            columns: Names of the columns.
            rows: Rows of the table, with one value for each column.
            step: Optimiser step.
        """
        self.log_text(name, markdown_table(columns, rows), step)


def media_loggers(trainer: pl.Trainer) -> list[MediaLogger]:
    """The loggers of a trainer that accept images, figures, texts and tables."""
    return [logger for logger in trainer.loggers if isinstance(logger, MediaLogger)]


def log_values(trainer: pl.Trainer, values: Mapping[str, float]) -> None:
    """Logs many scalars of the current step to the media loggers only, which keeps the CSV table narrow."""
    for logger in media_loggers(trainer):
        assert isinstance(logger, pl.loggers.Logger)
        logger.log_metrics(dict(values), trainer.global_step)


def pixels_of(figure: Figure) -> NDArray[np.uint8]:
    """Renders a Matplotlib figure to pixels, uint8 (H, W, 3)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels: NDArray[np.uint8] = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    return np.ascontiguousarray(pixels[..., :3])


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    """Formats a table in Markdown; a value of None becomes an empty cell."""

    def line(cells: Sequence[Any]) -> str:
        texts = ("" if cell is None else str(cell) for cell in cells)
        return "| " + " | ".join(text.replace("|", "\\|").replace("\n", " ") for text in texts) + " |"

    return "\n".join([line(columns), line(["---"] * len(columns)), *map(line, rows)])


def require(package: str, choice: str) -> None:
    """Checks that the package of a logger is installed.

    Args:
        package: Import name of the package.
        choice: Value of ``logger=``, which is also the name of the extra of this project.

    Raises:
        ConfigError: If the package is not installed.
    """
    if find_spec(package) is None:
        raise ConfigError(
            f"logger={choice} needs the package {package}: pip install 'unif2ace[{choice}]', or choose another logger"
        )


@rank_zero_only
def kept_run_id(folder: str | Path, choice: str, letters: int = 12) -> str | None:
    """The id of a run in a tracking service. It is stored in the run folder, so that a resumed run has the same id.

    Args:
        folder: The run folder.
        choice: Name of the logger, part of the file name.
        letters: Length of a new id in characters, at most 64.

    Returns:
        The id; None on ranks other than 0, which do not log.
    """
    file = Path(folder) / f"{choice}_run_id.txt"
    if file.is_file():
        return file.read_text(encoding="utf-8").strip()
    file.parent.mkdir(parents=True, exist_ok=True)
    made = (uuid4().hex + uuid4().hex)[:letters]
    file.write_text(f"{made}\n", encoding="utf-8")
    return made
