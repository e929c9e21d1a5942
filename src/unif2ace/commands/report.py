"""`unif2ace-report`: one page with the results of runs, evaluations and tables."""

from __future__ import annotations

import sys
from pathlib import Path

from omegaconf import DictConfig

from unif2ace.data.output_lock import output_lock
from unif2ace.engine.command import Command, run
from unif2ace.engine.instantiate import instantiate_slots
from unif2ace.engine.words import Syntax
from unif2ace.errors import ConfigError


def report(config: DictConfig) -> Path:
    """Writes a report as an HTML page and as Markdown.

    Args:
        config: Composed from ``report.yaml``.

    Returns:
        Path of the HTML page.

    Raises:
        ConfigError: If an option is out of range, or another process writes the page.
        DataError: If a folder does not exist or has no results.
    """
    from unif2ace.report.report import write_report
    from unif2ace.report.sections.base import Section

    sections = instantiate_slots(config.section, "section", allow=config.engine.allow)
    for name, section in sections.items():
        if not isinstance(section, Section):
            raise ConfigError(f"section={name} is a {type(section).__name__}, not a report section: leave it out")
    out = Path(config.out)
    with output_lock(out, "out", single=True):
        page, text = write_report(
            list(config.runs),
            sections.values(),
            out,
            title=config.title,
            max_runs=config.max_runs,
            max_megabytes=config.max_megabytes,
        )
    sys.stdout.write(f"{page}\n{text}\n")
    return page


SYNTAX = Syntax("unif2ace-report", "report", ("runs ...",))
COMMAND = Command(report, SYNTAX)


def main() -> None:
    """Entry point of the console command."""
    run(COMMAND)


if __name__ == "__main__":
    main()
