"""Fraction of generated faces that are copies of training pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unif2ace.errors import ConfigError
from unif2ace.evaluation.features import features, generated_features, load_extractor, real_features
from unif2ace.evaluation.metrics.base import OutputMetric

if TYPE_CHECKING:
    from unif2ace.evaluation.eval_set import EvalSet
    from unif2ace.evaluation.metrics.base import Setting
    from unif2ace.evaluation.outputs import Outputs
    from unif2ace.evaluation.real import RealPictures
    from unif2ace.metrics.scores import Score

_SHOWN, _BESIDE = 8, 3


class NeighboursMetric(OutputMetric):
    """The nearest training pictures of generated faces; see `unif2ace.metrics.scores.neighbours`.

    For comparison, the same is computed for the true faces of the evaluation set. The system was not trained on these.

    Args:
        train: Folder of the shards or pictures that the system was trained on; in a data set's folder, the ``train``
            split is read.
        extractor: Builds the feature extractor.
    """

    needs = frozenset({"generated"})

    def __init__(self, train: str | None = None, extractor: Callable[[], Any] | None = None) -> None:
        self._train, self._make = train, extractor

    def prepare(self, setting: Setting) -> None:
        """Opens the training pictures and loads the extractor.

        Raises:
            ConfigError: If no training pictures are given, or the extractor's weights or package are missing.
        """
        super().prepare(setting)
        if self._train is None:
            raise ConfigError(
                "metric.neighbours.train is not set: set metric.neighbours.train=FOLDER, a folder of the shards or "
                "pictures that the system was trained on"
            )
        if not Path(self._train).is_dir():
            raise ConfigError(f"metric.neighbours.train={self._train}: there is no such folder; give one with pictures")
        self._extractor = load_extractor(self._make, "neighbours", setting.device)

    def update(self, eval_set: EvalSet, outputs: Outputs) -> None:
        """Finds the nearest training pictures."""
        from unif2ace.metrics.scores.neighbours import neighbours

        setting, extractor = self.setting, self._extractor
        self._pictures = _training_pictures(str(self._train), eval_set)
        name = ("training features", extractor.name, self._train)
        train_TD = outputs.shared(name, lambda: features(self._pictures, extractor, setting))
        if len(train_TD) < 2:
            raise ConfigError(
                f"metric.neighbours.train={self._train} holds {len(train_TD)} pictures: give a folder with 2 or more"
            )
        self._found = neighbours(
            generated_features(eval_set, outputs, extractor, setting),
            train_TD,
            _BESIDE,
            setting.resamples,
            setting.seed,
        )
        self._own = neighbours(
            real_features(None, eval_set, outputs, extractor, setting), train_TD, 1, setting.resamples, setting.seed
        )
        self._size, self._keys = len(train_TD), eval_set.keys
        closest = self._found.distances[:, 0].argsort()[:_SHOWN].tolist()
        self._closest = [(outputs.generated(self._keys[n], prompt=eval_set.prompts[n]), n) for n in closest]

    def compute(self) -> Mapping[str, Score]:
        """``neighbours_copied`` and ``neighbours_distance``; the suffix ``_unseen`` is for the true faces."""
        from unif2ace.metrics.scores import Score

        size = len(self._keys)
        return {
            "neighbours_copied": self._found.copied,
            "neighbours_copied_unseen": self._own.copied,
            "neighbours_distance": Score(self._found.distance, samples=size),
            "neighbours_distance_unseen": Score(self._own.distance, samples=size),
        }

    def describe(self) -> Mapping[str, str]:
        """Extractor and number of training pictures."""
        own = "the same of the true faces, which were not trained on"
        return {
            "neighbours_copied": "share nearer to a training picture than this one to any other; "
            f"{self._extractor.name}, {self._size} training pictures",
            "neighbours_copied_unseen": own,
            "neighbours_distance": "median, over that between training pictures",
            "neighbours_distance_unseen": own,
        }

    def conditions(self) -> Mapping[str, Any]:
        """Extractor and number of training pictures."""
        return {"extractor": self._extractor.name, "training_pictures": self._size}

    def samples(self) -> Mapping[str, Mapping[str, float]]:
        """For each generated face, 1 if it counts as a copy, else 0; see `Neighbours.copied`."""
        return {"neighbours_copied": dict(zip(self._keys, self._found.is_copied.double().tolist(), strict=True))}

    def figure(self, path: Path) -> bool:
        """Draws the generated faces that are closest to a training picture, each with its nearest training pictures."""
        from matplotlib.figure import Figure

        wanted = {place for _, n in self._closest for place in self._found.nearest[n].tolist()}
        near = {place: picture for place, picture in enumerate(self._pictures) if place in wanted}
        columns = 1 + self._found.nearest.shape[1]
        drawn = Figure(figsize=(1.6 * columns, 1.7 * len(self._closest)), layout="constrained")
        axes = drawn.subplots(len(self._closest), columns, squeeze=False)
        for row, (picture, n) in zip(axes, self._closest, strict=True):
            pairs = zip(self._found.nearest[n].tolist(), self._found.distances[n].tolist(), strict=True)
            shown = [(picture, "generated"), *((near[place], f"{distance:.3g}") for place, distance in pairs)]
            for axis, (image, title) in zip(row, shown, strict=True):
                axis.imshow(image.permute(1, 2, 0).numpy())
                axis.set_title(title, fontsize=8)
                axis.set_axis_off()
        drawn.savefig(path, dpi=110)
        return True


def _training_pictures(folder: str, eval_set: EvalSet) -> RealPictures:
    from unif2ace.data.shards import has_index
    from unif2ace.evaluation.real import RealPictures

    train = Path(folder) / "train"
    return RealPictures(train if has_index(train) else folder, eval_set)
