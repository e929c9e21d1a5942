"""Expert activations by layer, task and level as bubble charts, as in figure 5 of arXiv 2503.08120."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unif2ace.errors import DataError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HEAD = ("level", "group", "layer", "expert", "name", "frequency")
COLORS = {"und": "tab:blue", "gen": "tab:orange"}
LARGEST = 140.0
"""Area in square points of the bubble for a frequency of 1."""


def write_experts(source: Path, out: Path, title: str) -> dict[str, Path]:
    """Writes expert activations as JSON, CSV and PNG.

    Args:
        source: JSON file of the callback ``expert_usage``.
        out: Path of the new files, without ending.
        title: Title of the picture.

    Returns:
        The files by ending: ``json``, ``csv``, ``png``.

    Raises:
        DataError: If the file cannot be read.
    """
    try:
        tree = json.loads(source.read_text(encoding="utf-8"))
        panels: list[dict[str, Any]] = tree["panels"]
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{source} cannot be read ({error}): train again with +callbacks=expert_usage") from error
    out.parent.mkdir(parents=True, exist_ok=True)
    files = {ending: out.with_name(f"{out.name}.{ending}") for ending in ("json", "csv", "png")}
    text = json.dumps(tree) + "\n"
    if all(file.is_file() for file in files.values()) and files["json"].read_text(encoding="utf-8") == text:
        return files
    with files["csv"].open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEAD)
        for panel in panels:
            for layer, shares in enumerate(panel["frequency"]):
                for number, (name, share) in enumerate(zip(panel["experts"], shares, strict=True), start=1):
                    writer.writerow([panel["level"], panel["group"], layer, number, name, share])
    draw_bubbles(panels, files["png"], title)
    files["json"].write_text(text, encoding="utf-8")
    return files


def draw_bubbles(panels: list[dict[str, Any]], path: Path, title: str) -> None:
    """Draws one panel for each level and task: layers along x, experts along y.

    The area of a bubble is proportional to the frequency.

    Args:
        panels: Panels of the JSON file.
        path: Path of the PNG file.
        title: Title of the picture.
    """
    from matplotlib.figure import Figure

    groups = list(COLORS)
    levels = [level for level in ("token", "sequence") if any(p["level"] == level for p in panels)]
    heights = [max(len(p["experts"]) for p in panels if p["level"] == level) + 1 for level in levels]
    layers = max(len(p["frequency"]) for p in panels)
    size = (2 * (1.6 + 0.24 * max(layers, 8)), 1.2 + 0.3 * sum(heights) + 0.5 * len(levels))
    figure = Figure(figsize=size, dpi=130, layout="constrained")
    axes = figure.subplots(len(levels), 2, height_ratios=heights, squeeze=False)
    for axis in axes.flat:
        axis.set_visible(False)
    for panel in panels:
        _draw(axes[levels.index(panel["level"]), groups.index(panel["group"])], panel)
    figure.suptitle(title)
    figure.savefig(path)


def _draw(axis: Axes, panel: dict[str, Any]) -> None:
    axis.set_visible(True)
    shares, names = panel["frequency"], panel["experts"]
    points = [(layer, number, share) for layer, line in enumerate(shares) for number, share in enumerate(line)]
    x, y, share = zip(*points, strict=True)
    color = COLORS[panel["group"]]
    axis.scatter(x, y, s=LARGEST, facecolors="none", edgecolors="0.85", linewidths=0.6)
    axis.scatter(x, y, s=[LARGEST * s for s in share], color=color, linewidths=0)
    every = max(1, len(shares) // 12)
    axis.set_xticks(range(0, len(shares), every))
    axis.set_yticks(range(len(names)), names)
    axis.set(xlim=(-0.7, len(shares) - 0.3), ylim=(len(names) - 0.4, -0.6), xlabel="layer")
    axis.set_title(f"{panel['level']} level, {panel['task']}", fontsize=10)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
