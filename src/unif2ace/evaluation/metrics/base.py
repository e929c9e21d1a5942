"""Base class of the metrics of a system's outputs."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from rich.table import Table

    from unif2ace.evaluation.eval_set import EvalSet
    from unif2ace.evaluation.evaluator import Evaluator
    from unif2ace.evaluation.outputs import Need, Outputs
    from unif2ace.evaluation.real import RealPictures
    from unif2ace.metrics.scores import Score


@dataclass(frozen=True, slots=True)
class Setting:
    """Settings shared by the metrics of an evaluation.

    Attributes:
        resamples: Number of bootstrap resamples of each interval; 0 for no intervals.
        seed: Seed of the resamples.
        device: Torch device for networks that a metric loads.
        batch_size: Samples given to a network at once.
        evaluator: The attribute classifier; None unless a metric `needs` ``evaluator``.
        real: Reference pictures of distribution metrics, from ``real=FOLDER`` or else the evaluation set; None unless
            a metric `needs` ``real``.
    """

    resamples: int = 1000
    seed: int = 0
    device: str = "cpu"
    batch_size: int = 32
    evaluator: Evaluator | None = None
    real: RealPictures | None = None


class OutputMetric(ABC):
    """Scores the outputs of a system on an evaluation set.

    A metric is one class in ``evaluation/metrics/NAME.py`` and one ``configs/metric/NAME.yaml``, whose single key is
    NAME. Its constructor takes the keys of the yaml, and raises `ConfigError` for invalid values.

    An evaluation calls these methods in this order:

    1. `prepare`, before any output is made. It loads networks, and names missing files in its errors.
    2. `update` once, on a shallow copy of the prepared metric. For subgroups, further copies are updated with subsets
       of the evaluation set. Therefore `update` must assign its results to attributes and change nothing in place.
    3. `compute`, `describe`, `samples`, `details`, `table` and `figure`.

    Attributes:
        needs: Required inputs. The model makes them, or ``outputs=FOLDER`` must contain them.
        uses: Optional outputs, read if they exist.
        setting: The settings that `prepare` received.
    """

    needs: ClassVar[frozenset[Need]] = frozenset()
    uses: ClassVar[frozenset[Need]] = frozenset()
    setting: Setting

    def prepare(self, setting: Setting) -> None:
        """Loads what the metric needs besides outputs. An override calls ``super().prepare(setting)`` first.

        Args:
            setting: Settings shared by the metrics.

        Raises:
            ConfigError: If weights or a package are missing; the message names the file or the install command.
        """
        self.setting = setting

    @abstractmethod
    def update(self, eval_set: EvalSet, outputs: Outputs) -> None:
        """Scores the outputs for all S samples of an evaluation set.

        Args:
            eval_set: The evaluation set.
            outputs: Outputs for the keys of `eval_set`, and possibly for others.
        """

    @abstractmethod
    def compute(self) -> Mapping[str, Score]:
        """The values by name; the first is the metric's main value.

        Each name becomes a column of the results. It begins with the metric's name, such as ``captions`` or
        ``caption_f1``. `bootstrap` and `bootstrap_mean` of `unif2ace.metrics.scores` compute intervals over samples.
        Pass them ``setting.resamples``, ``setting.seed`` and one row per sample, in the order of the evaluation set.
        The replicates of two systems are then paired, and `unif2ace-compare` can subtract them.
        A value that cannot be measured is ``Score(nan)``.
        """

    def describe(self) -> Mapping[str, str]:
        """For each value, how it was measured: extractor or grader, sizes, number of samples."""
        return {}

    def samples(self) -> Mapping[str, Mapping[str, float]]:
        """Values of single samples, by value name and sample key, for values that are means over samples."""
        return {}

    def details(self) -> Mapping[str, Any]:
        """Plain values for the JSON file, such as fingerprints, counts and detailed scores.

        Names must be unique across metrics.
        """
        return {}

    def conditions(self) -> Mapping[str, Any]:
        """Settings that must be equal to compare two systems: extractor, weights, resize, number of pictures.

        Leave out the evaluation set, the resamples and the seed: these are always checked.
        """
        return {}

    def table(self) -> Mapping[str, Table]:
        """Detailed tables by name, printed below the values."""
        return {}

    def figure(self, path: Path) -> bool:
        """Draws a figure, if the metric has one.

        Args:
            path: PNG file to write.

        Returns:
            Whether the figure was written.
        """
        return False


def interval(score: Score) -> str:
    """The interval of a score as text, for `OutputMetric.describe`."""
    return f"{score.low:.3f} to {score.high:.3f}"


def cell(number: float) -> str:
    """A number in a table; ``-`` if it is not finite."""
    return f"{number:.3f}" if math.isfinite(number) else "-"
