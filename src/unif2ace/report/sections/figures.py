"""Pictures written by runs and evaluations."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from unif2ace.report.blocks.base import ReportBlock
from unif2ace.report.blocks.figure import Figure
from unif2ace.report.picture_reader import PictureReader
from unif2ace.report.result_folder import ResultFolder
from unif2ace.report.sections.base import Section

_DRAWN = {"generated.png", "understood.png", "compared.png", "sheet.png", "text.png"}
"""Pictures that are left out, because other sections show their content."""
_STEP = re.compile(r"(.*?)-?step-\d+")


class FiguresSection(Section):
    """Shows figures of metrics, faces of the data, and the last samples and reconstructions of training.

    Args:
        side: Maximum side of a figure in pixels.
        number: Maximum number of figures per folder.
    """

    title = "Figures"

    def __init__(self, side: int = 1200, number: int = 6) -> None:
        self.side, self.number = side, number

    def blocks(self, folders: Sequence[ResultFolder], pictures: PictureReader) -> list[ReportBlock]:
        """The figures of each folder. Cells of tables are left out."""
        found: list[ReportBlock] = []
        for folder in folders:
            files = [] if folder.of_table else list(_files(folder))[: self.number]
            titled = ((file, f"{folder.name}: {file.relative_to(_above(folder, file))}") for file in files)
            read = (pictures.read(file, self.side, title) for file, title in titled)
            found += [Figure(picture) for picture in read if picture]
        return found


def _files(folder: ResultFolder) -> Iterator[Path]:
    if folder.quickstart:
        yield from _pngs(folder.path)
    if folder.evaluation:
        yield from _pngs(folder.evaluated)
    for inside in ("samples", "reconstructions"):
        last = {found[1]: file for file in _pngs(folder.run / inside) if (found := _STEP.match(file.stem))}
        yield from last.values()


def _pngs(folder: Path) -> list[Path]:
    return sorted(file for file in folder.glob("*.png") if file.name not in _DRAWN)


def _above(folder: ResultFolder, file: Path) -> Path:
    return folder.run if file.is_relative_to(folder.run) else file.parent
