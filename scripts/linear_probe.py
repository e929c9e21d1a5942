"""Compares a trained classifier with a linear probe on frozen features, by average precision.

    python scripts/linear_probe.py RUN [FOLDER]

RUN is a trained attribute classifier: the folder of an `unif2ace-train` run, or its weights. FOLDER holds the shards,
by default the training data of the classifier. The probe is a logistic regression for each attribute on frozen features
of EfficientNet-Lite0, for the images and their mirror images. The image size, and the weight decay of each attribute,
are chosen on one fifth of the training persons. Classifier and probe are evaluated on the validation split, whose
persons are not in the training data. The confidence interval of the difference is a bootstrap over these persons.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from omegaconf import OmegaConf
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from unif2ace.attributes import TAXONOMY
from unif2ace.data.shards import ShardReader
from unif2ace.data.tasks.base import attribute_labels
from unif2ace.engine.weights import load_net
from unif2ace.nets.features.efficientnet_lite0 import EfficientNetLite0Features

SIZES = (128, 160, 224)
"""Image sides in pixels that the probe tries."""
DECAYS = tuple(10.0**power for power in (-3.0, -2.5, -2.0, -1.5, -1.0, -0.5))
"""Factors of half the squared weights, beside the mean cross-entropy, of standardised features."""
RESAMPLES = 2000


@dataclass(frozen=True)
class Split:
    """N images, uint8 (N, 3, H, W), with labels, int8 (N, A), and person ids, int64 (N,)."""

    image: Tensor
    label: Tensor
    person: NDArray[np.int64]

    @classmethod
    def read(cls, folder: Path) -> Split:
        """Reads all samples of a split. Each sample without identity counts as a separate person."""
        reader = ShardReader(folder)
        samples = [reader.decoded(i) for i in range(len(reader))]
        image = torch.from_numpy(np.stack([s.image for s in samples])).permute(0, 3, 1, 2)
        label = torch.from_numpy(np.stack([attribute_labels(s.metadata.attributes) for s in samples]))
        names = [str(s.metadata.identity or s.key) for s in samples]
        return cls(image, label, np.unique(names, return_inverse=True)[1])


def features_of(image: Tensor, size: int) -> Tensor:
    """Frozen features float (N, D)."""
    net = EfficientNetLite0Features(input_size=size)
    return torch.cat([net.pooled(part) for part in image.split(64)])


def fit(x_ND: Tensor, label_NA: Tensor, decay: float) -> Tensor:
    """Fits a logistic regression for each attribute: weights (D + 1, A) for D standardised features and a bias."""
    known_NA = label_NA >= 0
    share_NA = known_NA / known_NA.sum(0).clamp(min=1)
    truth_NA = label_NA.clamp(min=0).float()
    weights = torch.zeros(x_ND.shape[1], label_NA.shape[1], requires_grad=True)
    solver = torch.optim.LBFGS([weights], max_iter=150, history_size=20, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        solver.zero_grad()
        losses = binary_cross_entropy_with_logits(x_ND @ weights, truth_NA, reduction="none")
        value = (losses * share_NA).sum() + 0.5 * decay * weights[:-1].square().sum()
        value.backward()
        return value

    solver.step(loss)
    return weights.detach()


def standardised(x_ND: Tensor, like_ND: Tensor) -> Tensor:
    """Features standardised by the mean and standard deviation of `like_ND`, and a column of ones."""
    z_ND = (x_ND - like_ND.mean(0)) / (like_ND.std(0) + 1e-6)
    return torch.cat([z_ND, torch.ones(len(z_ND), 1)], 1)


def average_precision(score_N: Tensor, label_N: Tensor, weight_RN: Tensor) -> Tensor:
    """Average precision float (R,) under R weightings of the images; NaN if no image or every image is positive."""
    known = label_N >= 0
    order = score_N[known].argsort(descending=True)
    weight_RK = weight_RN[:, known][:, order].double()
    hit_RK = weight_RK * (label_N[known][order] == 1)
    precision_RK = hit_RK.cumsum(1) / weight_RK.cumsum(1).clamp(min=1e-9)
    found_R = hit_RK.sum(1)
    value_R = (precision_RK * hit_RK).sum(1) / found_R
    return value_R.where((found_R > 0) & (found_R < weight_RK.sum(1)), torch.nan)


def precisions(score_NA: Tensor, label_NA: Tensor, weight_RN: Tensor) -> Tensor:
    """Average precision of each attribute, float (R, A)."""
    attributes = zip(score_NA.T, label_NA.T, strict=True)
    return torch.stack([average_precision(s, y, weight_RN) for s, y in attributes], 1)


def probe(train: Split, val: Split) -> tuple[Tensor, int]:
    """The probe's scores of the validation images, float (N, A), and the chosen image size."""
    persons = np.random.default_rng(0).permutation(train.person.max() + 1)
    held = torch.from_numpy(np.isin(train.person, persons[: len(persons) // 5]))
    best: tuple[float, int, Tensor, Tensor] | None = None
    for size in SIZES:
        x, mirrored = features_of(train.image, size), features_of(train.image.flip(3), size)
        fitted = [torch.cat([x[~held], mirrored[~held]]), torch.cat([train.label[~held]] * 2)]
        held_out = standardised(x[held], fitted[0])
        z = standardised(fitted[0], fitted[0])
        every = torch.ones(1, int(held.sum()))
        found_LA = torch.cat([precisions(held_out @ fit(z, fitted[1], d), train.label[held], every) for d in DECAYS])
        value, decay_A = found_LA.nan_to_num(-1).max(0)
        mean = float(value[value >= 0].mean())
        print(f"probe at {size} pixels: mean average precision {mean:.3f} on held-out training persons", flush=True)
        if best is None or mean > best[0]:
            best = mean, size, decay_A, torch.cat([x, mirrored])
    assert best is not None
    _, size, decay_A, x = best
    features = (features_of(val.image, size) + features_of(val.image.flip(3), size)) / 2
    z, validated, labels = standardised(x, x), standardised(features, x), torch.cat([train.label] * 2)
    scores = torch.stack([validated @ fit(z, labels, d) for d in DECAYS])
    return scores.gather(0, decay_A.expand(1, *scores.shape[1:]))[0], size


@torch.inference_mode()
def classify(run: str, image: Tensor) -> Tensor:
    """The classifier's logits of the images and their mirror images, averaged, float (N, A)."""
    net = load_net(run, "attributes")
    return torch.cat([(net(part) + net(part.flip(3))).float() / 2 for part in image.split(64)])


def table(val: Split, probe_A: Tensor, classifier_A: Tensor) -> str:
    """Markdown: a row for each attribute with positive and negative images, and their mean."""
    lines = ["| attribute | positives | known | probe | classifier |", "|---|---|---|---|---|"]
    for a, name in enumerate(TAXONOMY.labels):
        label, before, after = val.label[:, a], float(probe_A[a]), float(classifier_A[a])
        if classifier_A[a].isfinite():
            counts = f"{int((label == 1).sum())} | {int((label >= 0).sum())}"
            lines.append(f"| {name} | {counts} | {before:.3f} | {after:.3f} |")
    mean = f"| **mean of {len(lines) - 2}** | | | {probe_A.nanmean():.3f} | {classifier_A.nanmean():.3f} |"
    return "\n".join([*lines, mean])


def interval(val: Split, probed: Tensor, classified: Tensor) -> tuple[float, float]:
    """95 % bootstrap interval of the difference of the means, over persons, in points."""
    persons = val.person.max() + 1
    draws = np.random.default_rng(1).multinomial(persons, np.full(persons, 1 / persons), RESAMPLES)
    weight_RN = torch.from_numpy(draws[:, val.person])
    before_RA, after_RA = (precisions(score, val.label, weight_RN) for score in (probed, classified))
    low, high = (100 * (after_RA - before_RA).nanmean(1)).quantile(torch.tensor([0.025, 0.975]).double()).tolist()
    return low, high


def main() -> None:
    if len(sys.argv) not in (2, 3):
        raise SystemExit(__doc__)
    run = Path(sys.argv[1])
    folder = sys.argv[2] if len(sys.argv) == 3 else OmegaConf.load(run / "config.yaml").dataset.shards.folder
    train, val = Split.read(Path(folder) / "train"), Split.read(Path(folder) / "val")
    classified = classify(str(run), val.image)
    probed, size = probe(train, val)
    every = torch.ones(1, len(val.label))
    probe_A, classifier_A = (precisions(score, val.label, every)[0] for score in (probed, classified))
    print(f"\n{table(val, probe_A, classifier_A)}\n")
    low, high = interval(val, probed, classified)
    gain = 100 * float((classifier_A - probe_A).nanmean())
    print(f"the classifier gains {gain:.1f} points of mean average precision over the probe (at {size} pixels),")
    print(
        f"{low:.1f} to {high:.1f} in 95 % of {RESAMPLES:,} resamples of the {val.person.max() + 1} validation persons"
    )


if __name__ == "__main__":
    main()
