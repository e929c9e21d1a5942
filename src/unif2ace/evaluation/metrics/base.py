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
    """What the metrics of an evaluation share.

    Attributes:
        resamples: Number of bootstrap resamples of each interval; 0 for no intervals.
        seed: Seed of the resamples.
        device: Torch device for networks that a metric loads.
        batch_size: Samples given to a network at once.
        evaluator: The attribute classifier; None unless a metric `needs` ``evaluator``.
        real: Reference pictures of distribution metrics: those of ``real=FOLDER``, else those of the evaluation set;
            None unless a metric `needs` ``real``.
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
    NAME. Its constructor takes the keys of the yaml, and refuses wrong values with `ConfigError`.

    An evaluation calls, in this order:

    1. `prepare`, before any output is made. It loads networks, or says which file to give.
    2. `update` once, on a shallow copy of the prepared metric. A breakdown by subgroup updates further copies with
       parts of the evaluation set, so `update` assigns its results to attributes, and changes nothing in place.
    3. `compute`, `describe`, `samples`, `details`, `table` and `figure`.

    Attributes:
        needs: Outputs that the metric cannot do without. They are made, or required of a foreign folder.
        uses: Outputs that it reads where the system has them.
        setting: What `prepare` received.
    """

    needs: ClassVar[frozenset[Need]] = frozenset()
    uses: ClassVar[frozenset[Need]] = frozenset()
    setting: Setting

    def prepare(self, setting: Setting) -> None:
        """Loads what the metric needs besides outputs. Override it, and call it first.

        Args:
            setting: What the metrics of the evaluation share.

        Raises:
            ConfigError: If weights or a package are missing; the message names the file to give or the command.
        """
        self.setting = setting

    @abstractmethod
    def update(self, eval_set: EvalSet, outputs: Outputs) -> None:
        """Scores the outputs for all S samples of an evaluation set.

        Args:
            eval_set: The evaluation set.
            outputs: Outputs for its keys; they may hold more.
        """

    @abstractmethod
    def compute(self) -> Mapping[str, Score]:
        """The values by name; the first is the metric's main value.

        A name is a column of the results. It begins with the metric's name, such as ``captions`` or ``caption_f1``.
        `bootstrap` and `bootstrap_mean` of `unif2ace.metrics.scores` give intervals over samples: pass them
        ``setting.resamples`` and ``setting.seed``, and one row for each of the S samples in the order of the
        evaluation set. The replicates of two systems are then paired, and `unif2ace-compare` can subtract them.
        A value that cannot be measured is ``Score(nan)``.
        """

    def describe(self) -> Mapping[str, str]:
        """For each value what a reader needs to compare it: extractor or grader, sizes, number of samples."""
        return {}

    def samples(self) -> Mapping[str, Mapping[str, float]]:
        """For values that are means over samples: the contribution of each sample, by value and key."""
        return {}

    def details(self) -> Mapping[str, Any]:
        """Plain values for the JSON file, such as fingerprints, counts and finer scores. Names must not collide."""
        return {}

    def conditions(self) -> Mapping[str, Any]:
        """What must be equal for two systems' values to be compared: extractor, weights, resize, number of pictures.

        The evaluation set, the resamples and the seed are compared anyway.
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
            Whether it was written.
        """
        return False


def interval(score: Score) -> str:
    """The interval of a score in words, for `OutputMetric.describe`."""
    return f"{score.low:.3f} to {score.high:.3f}"


def cell(number: float) -> str:
    """A number in a table; ``-`` if it is not finite."""
    return f"{number:.3f}" if math.isfinite(number) else "-"
