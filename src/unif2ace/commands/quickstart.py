"""`unif2ace-quickstart`: the main job in stages, from nothing to one page that shows what came of it."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from omegaconf import DictConfig
from rich.console import Console

from unif2ace.commands import data
from unif2ace.engine.command import Work, run
from unif2ace.engine.compose import compose
from unif2ace.engine.report import Section, write_page

COMMANDS: dict[str, Work] = {name: verb.work for name, verb in data.VERBS.items()}

NEXT = """unif2ace-data preview                                  # sheets of every attribute, with and without
unif2ace-data build source.size=128 source.num_samples=20000 folder=data/faces-128
unif2ace-data import folder source.path=my/pictures source.licence=CC-BY-4.0 folder=data/mine
unif2ace-data stats data/mine/train
unif2ace-train experiment=attributes/embedded          # the attribute classifier on these faces"""


def quickstart(config: DictConfig) -> Path:
    """Runs the stages in order and writes the page.

    Returns:
        The page.

    Raises:
        ConfigError: If a stage's configuration is wrong.
    """
    console = Console(stderr=True)
    out = Path(config.out)
    start = time.monotonic()
    seconds: dict[str, float] = {}
    for number, stage in enumerate(config.stages, start=1):
        console.rule(f"[bold]{number} of {len(config.stages)}: {stage.name}", align="left")
        began = time.monotonic()
        COMMANDS[stage.command](compose(stage.command, list(stage.overrides)))
        seconds[stage.name] = time.monotonic() - began
    sections = [
        Section("Drawn faces", "Every attribute is known exactly; no download, no real person.", picture="faces.png"),
        Section(
            "What is said about them",
            "Captions and questions from a grammar: true, visible, varied.",
            picture="text.png",
        ),
        Section(
            "What is in the data", f"{config.num_samples:,} faces of {config.size} pixels.", picture="statistics.png"
        ),
        Section("Time", "\n".join(f"{name}: {spent:.0f} s" for name, spent in seconds.items())),
        Section("What to type next", code=NEXT),
    ]
    page = write_page(out / "index.html", "UniF²ace quickstart", sections)
    console.rule(f"[bold]done in {time.monotonic() - start:.0f} s", align="left")
    sys.stdout.write(f"{page}\n\nnext:\n{NEXT}\n")
    return page


def main() -> None:
    """Entry point of the console command."""
    run("quickstart", quickstart)


if __name__ == "__main__":
    main()
