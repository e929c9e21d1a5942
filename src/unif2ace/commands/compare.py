"""`unif2ace-compare`: compares runs or scored outputs in tables."""

from __future__ import annotations

import sys
from pathlib import Path

from omegaconf import DictConfig

from unif2ace.comparing.comparison import Comparison, compare
from unif2ace.comparing.run import read_runs
from unif2ace.data.atomic import replacing
from unif2ace.data.output_lock import output_lock
from unif2ace.engine.command import Command, run
from unif2ace.engine.words import Syntax

APP = "unif2ace-compare"
FORMATS = {".txt": "text", ".csv": "csv", ".md": "markdown"}
"""Format of the output file, by ending."""


def compare_runs(config: DictConfig) -> str:
    """Prints a comparison, or writes it to a file.

    Args:
        config: Composed from ``compare.yaml``.

    Returns:
        The comparison as text, CSV or Markdown.

    Raises:
        ConfigError: If two evaluations used different options or data. The message names the difference.
        DataError: If a folder is not a run, or a file is damaged.
    """
    found = compare(read_runs(list(config.runs)), list(config.columns))
    text = _written(found, FORMATS[Path(config.out).suffix.lower()] if config.out else config.format)
    if not config.out:
        sys.stdout.write(text)
        return text
    with output_lock(config.out, "out", single=True), replacing(Path(config.out)) as file:
        file.write(text.encode())
    sys.stdout.write(f"{config.out}\n")
    return text


def _written(found: Comparison, form: str) -> str:
    if form == "csv":
        return found.flat().csv()
    return "\n\n".join(t.text() if form == "text" else t.markdown() for t in found.tables()) + "\n"


SYNTAX = Syntax(APP, "compare", ("runs ...",))
COMMAND = Command(compare_runs, SYNTAX)


def main() -> None:
    """Entry point of the console command."""
    run(COMMAND)


if __name__ == "__main__":
    main()
