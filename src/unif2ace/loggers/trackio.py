"""Logs to Trackio, a local dashboard (https://github.com/gradio-app/trackio)."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_only
from numpy.typing import NDArray

from unif2ace.loggers.media import Cell, MediaLogger, kept_run_id, markdown_table, require


class TrackioLogger(Logger, MediaLogger):
    """Logs to Trackio. A resumed run continues the same Trackio run.

    Args:
        save_dir: The run folder. Its file ``trackio_run_id.txt`` stores the id at the end of the run name.
        folder: Folder of Trackio's database and media; ignored if the environment variable TRACKIO_DIR is set.
        project: Name of the Trackio project.
        name: Prefix of the run name; the run id follows.

    Raises:
        ConfigError: If the package ``trackio`` is not installed.
    """

    def __init__(self, save_dir: str, folder: str, project: str = "unif2ace", name: str = "run") -> None:
        require("trackio", "trackio")
        super().__init__()
        self._save_dir, self._project = save_dir, project
        self._run_name = f"{name}-{kept_run_id(save_dir, 'trackio')}"
        self._settings: dict[str, Any] = {}
        self._run: Any = None
        os.environ.setdefault("TRACKIO_DIR", str(Path(folder).absolute()))  # read when trackio is imported

    @property
    def name(self) -> str:
        """Name of the project."""
        return self._project

    @property
    def version(self) -> str:
        """Name of the run."""
        return self._run_name

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """The Trackio run, created at the first access."""
        if self._run is None:
            import trackio

            self._run = trackio.init(
                project=self._project, name=self._run_name, config=self._settings, resume="allow", embed=False
            )
        return self._run

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *_: Any, **__: Any) -> None:
        """Stores the hyperparameters until the Trackio run is created."""
        self._settings = {**(vars(params) if isinstance(params, Namespace) else params)}

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Logs the metrics of a step."""
        self.experiment.log(dict(metrics), step=step)

    @rank_zero_only
    def log_picture(self, name: str, picture_HWC: NDArray[np.uint8], step: int) -> None:
        """Logs an image, uint8 (H, W, 3)."""
        import trackio

        _ = self.experiment
        self.log_metrics({name: trackio.Image(picture_HWC)}, step)

    @rank_zero_only
    def log_text(self, name: str, text: str, step: int) -> None:
        """Logs a text in Markdown."""
        import trackio

        self.log_metrics({name: trackio.Markdown(text)}, step)

    @rank_zero_only
    def log_table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]], step: int) -> None:
        """Logs a table as Markdown text, because Trackio's own tables need pandas."""
        self.log_text(name, markdown_table(columns, rows), step)

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Writes all pending values and ends the Trackio run."""
        if self._run is not None:
            self._run.finish()
            self._run = None
