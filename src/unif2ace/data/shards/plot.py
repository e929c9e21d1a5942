"""Plots the statistics of a shard folder on one page: labels, captions, questions, yes/no balance."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from unif2ace.attributes import TAXONOMY
from unif2ace.data.shards.statistics import Statistics, mean, quantile

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK: Final = "#263238"
FAINT: Final = "#90a4ae"
NULL: Final = "#eceff1"
COLOURS: Final = {"appearance": "#00796b", "action": "#ef6c00", "emotion": "#5e35b1"}
LIGHT: Final = {"appearance": "#b2dfdb", "action": "#ffe0b2", "emotion": "#d1c4e9"}
YES: Final = "#1976d2"
NO: Final = "#c2185b"
STYLE: Final[Any] = {
    "font.size": 8.5,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.color": INK,
}


def plot_statistics(statistics: Statistics, path: str | Path) -> None:
    """Plots the statistics into an image file.

    Args:
        statistics: Statistics to plot.
        path: Output file; the suffix, such as ``.png``, selects the format.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(13, 9.5), layout="constrained")
        FigureCanvasAgg(figure)
        grid = figure.add_gridspec(3, 3, width_ratios=(1.25, 1, 1), height_ratios=(1, 0.8, 1.35))
        _labels(figure.add_subplot(grid[:, 0]), statistics)
        _lengths(figure.add_subplot(grid[0, 1]), statistics.caption_words, "Words in the caption", "#00796b")
        _lengths(figure.add_subplot(grid[0, 2]), statistics.further_words, "Words in further captions", "#4db6ac")
        _lengths(figure.add_subplot(grid[1, 1]), statistics.stated, "Attributes stated in a picture", "#5e35b1")
        _kinds(figure.add_subplot(grid[1, 2]), statistics)
        _balance(figure.add_subplot(grid[2, 1:]), statistics)
        people = f", {statistics.identities:,} people" if statistics.identities else ""
        figure.suptitle(f"{statistics.samples:,} pictures{people}", fontsize=15, fontweight="bold", x=0.01, ha="left")
        figure.savefig(path, dpi=150, facecolor="white")


def _labels(axes: Axes, statistics: Statistics) -> None:
    """Draws one bar per label: the shares of true, false and unknown."""
    place, ticks, names = 0.0, [], []
    for family in TAXONOMY.families:
        axes.text(0, place, family.capitalize(), fontweight="bold", color=COLOURS[family], va="center")
        place += 1
        for name, label in TAXONOMY.labels.items():
            if label.family != family:
                continue
            true, false, null = statistics.labels[name]
            total = max(true + false + null, 1)
            axes.barh(place, true / total, color=COLOURS[family], height=0.78)
            axes.barh(place, false / total, left=true / total, color=LIGHT[family], height=0.78)
            axes.barh(place, null / total, left=(true + false) / total, color=NULL, height=0.78)
            share = f"{true / (true + false):.0%}" if true + false else "–"
            axes.text(1.02, place, share, va="center", ha="left", fontsize=7.5)
            ticks.append(place)
            names.append(name.replace("_", " "))
            place += 1
        place += 0.4
    axes.set_yticks(ticks, names)
    axes.set_ylim(place - 0.4, -0.8)
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 0.5, 1], ["0 %", "50 %", "100 %"])
    axes.set_title("Labels: true (dark), false (light), not known (gray)")
    axes.text(1.02, 0, "of known", va="center", fontsize=7.5, color=FAINT)
    axes.tick_params(axis="y", length=0)
    _only(axes, "bottom")


def _lengths(axes: Axes, counts: Mapping[int, int], title: str, colour: str) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set_title(title)
    _only(axes, "bottom")
    axes.set_yticks([])
    if not counts:
        _nothing(axes)
        return
    low, high = min(counts), max(counts)
    width = max(-(-(high - low + 1) // 40), 1)
    edges = [edge - 0.5 for edge in range(low, high + width + 1, width)]
    axes.hist(list(counts), bins=edges, weights=list(counts.values()), color=colour, rwidth=0.92)
    axes.margins(y=0.12)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.axvline(mean(counts), color=INK, linewidth=1, linestyle=(0, (4, 3)))
    shown = f"mean {mean(counts):.1f}\n5 % {quantile(counts, 0.05)}\n95 % {quantile(counts, 0.95)}"
    x, side = (0.01, "left") if 2 * mean(counts) > low + high else (0.99, "right")  # beside the low bars
    axes.text(x, 0.96, shown, transform=axes.transAxes, ha=side, va="top", linespacing=1.4)


def _kinds(axes: Axes, statistics: Statistics) -> None:
    axes.set_title("Questions by kind")
    _only(axes)
    axes.set_xticks([])
    if not statistics.questions:
        _nothing(axes)
        return
    total = sum(statistics.questions.values())
    names = [name.replace("_", " / ") for name in statistics.questions]
    numbers = list(statistics.questions.values())
    axes.barh(names, numbers, color="#546e7a", height=0.7)
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    for place, number in enumerate(numbers):
        axes.text(number, place, f"  {number / total:.0%}", va="center")
    axes.set_xlim(0, max(numbers) * 1.15)
    axes.set_xlabel(f"{total / max(statistics.samples, 1):.1f} questions a picture")


def _balance(axes: Axes, statistics: Statistics) -> None:
    """Draws, for each attribute with yes/no questions, the number of yes above zero and of no below."""
    axes.set_title("Yes and no by attribute")
    pairs = sorted(statistics.yes_no.items(), key=lambda item: -sum(item[1]))
    _only(axes)
    if not pairs:
        axes.set_xticks([])
        axes.set_yticks([])
        _nothing(axes)
        return
    yes, no = [pair[0] for _, pair in pairs], [pair[1] for _, pair in pairs]
    places = range(len(pairs))
    axes.bar(places, yes, color=YES, width=0.8, label=f"yes {sum(yes) / max(sum(yes) + sum(no), 1):.0%}")
    axes.bar(
        places, [-number for number in no], color=NO, width=0.8, label=f"no {sum(no) / max(sum(yes) + sum(no), 1):.0%}"
    )
    axes.axhline(0, color="white", linewidth=1)
    axes.set_xticks(places, [name.replace("_", " ") for name, _ in pairs], rotation=60, ha="right", fontsize=7)
    axes.set_xlim(-0.7, len(pairs) - 0.3)
    axes.tick_params(axis="x", length=0, pad=1)
    axes.yaxis.set_major_formatter(lambda value, _: f"{abs(value):,.0f}")
    axes.legend(frameon=False, ncols=2, loc="lower right")


def _only(axes: Axes, *sides: str) -> None:
    for side, spine in axes.spines.items():
        spine.set_visible(side in sides)


def _nothing(axes: Axes) -> None:
    axes.set_xticks([])
    axes.text(0.5, 0.5, "none", transform=axes.transAxes, ha="center", va="center", color=FAINT)
