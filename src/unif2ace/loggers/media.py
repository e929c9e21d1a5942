"""What a logger takes besides scalars, in one form for all of them."""

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
    """A logger that takes pictures, figures, text and tables.

    A callback makes each of them once and passes it to every logger of `media_loggers`, so it needs to know no logger.
    A figure becomes a picture and a table becomes text where a logger has no better form.
    """

    @abstractmethod
    def log_picture(self, name: str, picture_HWC: NDArray[np.uint8], step: int) -> None:
        """Logs a picture.

        Args:
            name: Name, such as ``val/faces``.
            picture_HWC: uint8 (H, W, 3) in [0, 255].
            step: Optimizer step.
        """

    @abstractmethod
    def log_text(self, name: str, text: str, step: int) -> None:
        """Logs a text.

        Args:
            name: Name, such as ``val/answers``.
            text: The text, in Markdown.
            step: Optimizer step.
        """

    def log_figure(self, name: str, figure: Figure, step: int) -> None:
        """Logs a figure of matplotlib.

        Args:
            name: Name, such as ``val/experts``.
            figure: The figure.
            step: Optimizer step.
        """
        self.log_picture(name, pixels_of(figure), step)

    def log_table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]], step: int) -> None:
        """Logs a table.

        Args:
            name: Name, such as ``val/questions``.
            columns: Names of the columns.
            rows: One value for each column.
            step: Optimizer step.
        """
        self.log_text(name, markdown_table(columns, rows), step)


def media_loggers(trainer: pl.Trainer) -> list[MediaLogger]:
    """The loggers of a trainer that take more than scalars."""
    return [logger for logger in trainer.loggers if isinstance(logger, MediaLogger)]


def log_values(trainer: pl.Trainer, values: Mapping[str, float]) -> None:
    """Logs many scalars of the current step to the loggers that take media, not to the table of the CSV logger."""
    for logger in media_loggers(trainer):
        assert isinstance(logger, pl.loggers.Logger)
        logger.log_metrics(dict(values), trainer.global_step)


def pixels_of(figure: Figure) -> NDArray[np.uint8]:
    """A figure as pixels, uint8 (H, W, 3)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels: NDArray[np.uint8] = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    return np.ascontiguousarray(pixels[..., :3])


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    """A table in Markdown."""

    def line(cells: Sequence[Any]) -> str:
        texts = ("" if cell is None else str(cell) for cell in cells)
        return "| " + " | ".join(text.replace("|", "\\|").replace("\n", " ") for text in texts) + " |"

    return "\n".join([line(columns), line(["---"] * len(columns)), *map(line, rows)])


def require(package: str, choice: str) -> None:
    """Checks that the package of a logger is installed.

    Args:
        package: Name of its module.
        choice: Name of the logger, which is the name of the extra too.

    Raises:
        ConfigError: If it is not.
    """
    if find_spec(package) is None:
        raise ConfigError(f"logger={choice} needs a package: pip install 'unif2ace[{choice}]', or leave {choice} out")


@rank_zero_only
def kept_run_id(folder: str | Path, choice: str, letters: int = 12) -> str | None:
    """The id of a run at a tracking service: kept in a file, so that a resumed run continues the same record.

    Args:
        folder: The run's folder.
        choice: Name of the logger.
        letters: Length of the id, at most 64.

    Returns:
        The id; None on ranks that log nothing.
    """
    file = Path(folder) / f"{choice}_run_id.txt"
    if file.is_file():
        return file.read_text(encoding="utf-8").strip()
    file.parent.mkdir(parents=True, exist_ok=True)
    made = (uuid4().hex + uuid4().hex)[:letters]
    file.write_text(f"{made}\n", encoding="utf-8")
    return made
