"""Logs to MLflow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from lightning.pytorch.loggers import MLFlowLogger as LightningMLFlowLogger
from lightning.pytorch.utilities import rank_zero_only
from numpy.typing import NDArray

from unif2ace.loggers.media import MediaLogger, require

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FILE = "mlflow_run_id.txt"


class MLFlowLogger(LightningMLFlowLogger, MediaLogger):
    """Lightning's MLflow logger with support for media. A resumed run continues the same MLflow run.

    Media are stored as artifacts ``NAME/step-0000500.png``, where a ``/`` in the name makes a folder.

    Args:
        save_dir: The run folder. The MLflow run id is stored in its file ``mlflow_run_id.txt``.
        tracking_uri: Database or server, such as ``sqlite:////data/mlflow.db`` or ``http://127.0.0.1:5000``.
        experiment_name: Name of the MLflow experiment.
        run_name: Name of the run in MLflow; None lets MLflow choose a name.
        options: Further arguments of Lightning's logger.

    Raises:
        ConfigError: If the package ``mlflow`` is not installed.
    """

    def __init__(
        self,
        save_dir: str,
        tracking_uri: str,
        experiment_name: str = "unif2ace",
        run_name: str | None = None,
        **options: Any,
    ) -> None:
        require("mlflow", "mlflow")
        self._file = Path(save_dir) / FILE
        known = self._file.read_text(encoding="utf-8").strip() if self._file.is_file() else None
        super().__init__(
            experiment_name=experiment_name,
            run_name=run_name,
            tracking_uri=tracking_uri,
            run_id=known,
            **options,
        )

    @rank_zero_only
    def log_hyperparams(self, params: Any) -> None:
        """Logs hyperparameters and stores the run id. A resumed run adds new keys only, as MLflow rejects changes."""
        run = self.run_id
        if not self._file.is_file():
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.write_text(f"{run}\n", encoding="utf-8")
        known = self.experiment.get_run(run).data.params
        super().log_hyperparams({key: value for key, value in params.items() if key not in known})

    @rank_zero_only
    def log_picture(self, name: str, picture_HWC: NDArray[np.uint8], step: int) -> None:
        """Logs an image, uint8 (H, W, 3)."""
        self.experiment.log_image(self.run_id, picture_HWC, f"{name}/step-{step:07d}.png")

    @rank_zero_only
    def log_figure(self, name: str, figure: Figure, step: int) -> None:
        """Logs a Matplotlib figure."""
        self.experiment.log_figure(self.run_id, figure, f"{name}/step-{step:07d}.png")

    @rank_zero_only
    def log_text(self, name: str, text: str, step: int) -> None:
        """Logs a text in Markdown."""
        self.experiment.log_text(self.run_id, text, f"{name}/step-{step:07d}.md")
