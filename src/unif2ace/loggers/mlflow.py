"""MLflow."""

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
    """Lightning's MLflow logger, which takes media too and continues the same MLflow run when a run is resumed.

    Media become artifacts: ``NAME/step-0000500.png``, with ``/`` in the name as a folder.

    Args:
        save_dir: The run's folder; ``mlflow_run_id.txt`` in it keeps the id.
        tracking_uri: Database or server, such as ``sqlite:////data/mlflow.db`` or ``http://127.0.0.1:5000``.
        experiment_name: Name of the experiment.
        run_name: Name that MLflow shows.
        options: Further arguments of Lightning's logger.

    Raises:
        ConfigError: If the package is not installed.
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
        """Logs hyperparameters and keeps the run's id. MLflow lets no value change, so a resumed run adds new keys."""
        run = self.run_id
        if not self._file.is_file():
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.write_text(f"{run}\n", encoding="utf-8")
        known = self.experiment.get_run(run).data.params
        super().log_hyperparams({key: value for key, value in params.items() if key not in known})

    @rank_zero_only
    def log_picture(self, name: str, picture_HWC: NDArray[np.uint8], step: int) -> None:
        """Logs a picture, uint8 (H, W, 3)."""
        self.experiment.log_image(self.run_id, picture_HWC, f"{name}/step-{step:07d}.png")

    @rank_zero_only
    def log_figure(self, name: str, figure: Figure, step: int) -> None:
        """Logs a figure of matplotlib."""
        self.experiment.log_figure(self.run_id, figure, f"{name}/step-{step:07d}.png")

    @rank_zero_only
    def log_text(self, name: str, text: str, step: int) -> None:
        """Logs a text in Markdown."""
        self.experiment.log_text(self.run_id, text, f"{name}/step-{step:07d}.md")
