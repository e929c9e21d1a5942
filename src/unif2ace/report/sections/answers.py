"""Answers and captions of several systems for the same faces, as in figure 6 of arXiv 2503.08120."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from unif2ace.errors import ConfigError
from unif2ace.report.blocks.base import ReportBlock
from unif2ace.report.blocks.beside import Beside
from unif2ace.report.blocks.cell import Cell
from unif2ace.report.blocks.paragraph import Paragraph
from unif2ace.report.blocks.table import TableBlock
from unif2ace.report.picture_reader import PictureReader
from unif2ace.report.result_folder import ResultFolder
from unif2ace.report.sections.base import Section

Row = Mapping[str, Any]


class AnswersSection(Section):
    """Shows faces with questions, the true answers, and the answers of every system, marked right or wrong.

    Args:
        faces: Maximum number of faces.
        questions: Maximum number of questions per face.
        side: Maximum side of a face in pixels.
    """

    title = "Words about faces"

    def __init__(self, faces: int = 8, questions: int = 4, side: int = 128) -> None:
        if min(faces, questions, side) < 1:
            raise ConfigError(
                f"section.answers: faces={faces}, questions={questions}, side={side}: give at least 1 for each"
            )
        self.faces, self.questions, self.side = faces, questions, side

    def blocks(self, folders: Sequence[ResultFolder], pictures: PictureReader) -> list[ReportBlock]:
        """One picture with a table for each face."""
        systems = {folder.name: {str(row["key"]): row for row in folder.understood} for folder in folders}
        systems = {name: rows for name, rows in systems.items() if rows}
        keys = list(dict.fromkeys(key for rows in systems.values() for key in rows))
        keys.sort(key=lambda key: -sum(key in rows for rows in systems.values()))
        found: list[ReportBlock] = []
        for key in keys[: self.faces]:
            said = {name: rows[key] for name, rows in systems.items() if key in rows}
            files = [f.evaluated / str(said[f.name].get("picture")) for f in folders if f.name in said]
            read = (pictures.read(file, self.side, f"face {key}") for file in files if file.is_file())
            found.append(Beside(next((picture for picture in read if picture), None), self._table(said)))
        if not found:
            return []
        left = len(keys) - len(found)
        more = f" {left} more faces are not shown: increase section.answers.faces to show them." if left else ""
        return [Paragraph(f"Held-out faces. ✓ right, ✗ wrong; false statements are listed in red.{more}"), *found]

    def _table(self, said: Mapping[str, Row]) -> TableBlock:
        rows: list[list[str | Cell]] = []
        if any("caption" in row for row in said.values()):
            rows.append(["caption", "", *(_caption(row) for row in said.values())])
        answers = {name: {one["question"]: one for one in row.get("answers", [])} for name, row in said.items()}
        for question in list(dict.fromkeys(q for of_system in answers.values() for q in of_system))[: self.questions]:
            given = [of_system.get(question) for of_system in answers.values()]
            truth = next(str(one.get("truth", "")) for one in given if one)
            rows.append([str(question), truth, *(_answer(one) for one in given)])
        return TableBlock(["question", "true answer", *said], rows)


def _caption(row: Row) -> Cell:
    false = row.get("false") or []
    return Cell(
        str(row.get("caption", "")) or "(nothing)", note=f"false: {', '.join(map(str, false))}" if false else ""
    )


def _answer(one: Row | None) -> Cell:
    if one is None:
        return Cell("")
    return Cell(str(one.get("answer", "")) or "(nothing)", "good" if one.get("right") else "bad")
