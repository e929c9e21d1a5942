"""Which attributes a small classifier finds in the pictures: a table of average precision and F1 for each label.

    python scripts/visible_attributes.py RUN [RUN ...]

Each RUN is the folder of an `unif2ace-train` run of the attribute classifier; it gets its columns. An attribute
that it cannot find in faces that were drawn with it is not drawn well enough, or does not survive the size.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from omegaconf import OmegaConf
from torchmetrics.functional.classification import binary_average_precision, binary_f1_score

from unif2ace.data.attributes import TAXONOMY
from unif2ace.engine import instantiate

Scores = dict[str, tuple[float, float, int]]


@torch.inference_mode()
def scores_of(run: Path) -> Scores:
    """Average precision, F1 and number of positives of each label on the run's validation split."""
    config = OmegaConf.load(run / "config.yaml")
    data, module = instantiate(config.data), instantiate(config.module)
    module.configure_model()
    checkpoint = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True, map_location="cpu")
    module.load_state_dict(checkpoint["state_dict"])
    module.eval()
    batches = [(module.net(batch.image).sigmoid(), batch.attributes) for batch in data.val_dataloader()]
    probability, label = (torch.cat(parts) for parts in zip(*batches, strict=True))
    scores: Scores = {}
    for place, name in enumerate(TAXONOMY.labels):
        known = label[:, place] >= 0
        p, y = probability[known, place], label[known, place].int()
        scores[name] = (float(binary_average_precision(p, y)), float(binary_f1_score(p, y)), int(y.sum()))
    return scores


def main() -> None:
    runs = [Path(word) for word in sys.argv[1:]]
    if not runs:
        raise SystemExit(__doc__)
    columns = [scores_of(run) for run in runs]
    heads = [f"AP, {run.parent.name} | F1 | positives" for run in runs]
    print(f"| label | family | {' | '.join(heads)} |\n|---|---|{'---|---|---|' * len(runs)}")
    for name, label in TAXONOMY.labels.items():
        cells = [f"{ap:.2f} | {f1:.2f} | {count}" for ap, f1, count in (c[name] for c in columns)]
        print(f"| {name} | {label.family} | {' | '.join(cells)} |")
    means = [
        f"{sum(s[0] for s in c.values()) / len(c):.3f} | {sum(s[1] for s in c.values()) / len(c):.3f} | "
        for c in columns
    ]
    print(f"| **mean** | | {' | '.join(means)} |")


if __name__ == "__main__":
    main()
