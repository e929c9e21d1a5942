"""Generated faces, by prompt and system."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from unif2ace.errors import ConfigError
from unif2ace.report.blocks.base import ReportBlock
from unif2ace.report.blocks.paragraph import Paragraph
from unif2ace.report.blocks.picture_grid import PictureGrid
from unif2ace.report.encoded_picture import EncodedPicture
from unif2ace.report.picture_reader import PictureReader
from unif2ace.report.result_folder import ResultFolder
from unif2ace.report.sections.base import Section

BESIDE = {"reconstruction": "reconstruction", "true": "true face"}


class SamplesSection(Section):
    """Shows generated faces of each system for the same prompts, beside the true face and its reconstruction.

    Args:
        prompts: Maximum number of prompts.
        faces: Maximum number of faces per prompt and system.
        side: Maximum side of a face in pixels.
    """

    title = "Faces from words"

    def __init__(self, prompts: int = 8, faces: int = 2, side: int = 128) -> None:
        if min(prompts, faces, side) < 1:
            raise ConfigError(
                f"section.samples: prompts={prompts}, faces={faces}, side={side}: give at least 1 for each"
            )
        self.prompts, self.faces, self.side = prompts, faces, side

    def blocks(self, folders: Sequence[ResultFolder], pictures: PictureReader) -> list[ReportBlock]:
        """A grid of faces. Prompts that the most systems share come first."""
        systems = {folder.name: folder.samples.generated for folder in folders if folder.samples.generated}
        prompts = list(dict.fromkeys(prompt for found in systems.values() for prompt in found))
        prompts.sort(key=lambda prompt: -sum(prompt in found for found in systems.values()))
        rows: dict[str, dict[str, list[EncodedPicture]]] = {}
        for prompt in prompts[: self.prompts]:
            cells = {
                name: self._read(found.get(prompt, [])[: self.faces], name, pictures) for name, found in systems.items()
            }
            described = next((f.samples.beside[prompt] for f in folders if f.samples.beside.get(prompt)), {})
            for what, name in BESIDE.items():
                if what in described:
                    cells[name] = self._read([described[what]], name, pictures)
            rows[prompt] = cells
        columns = [name for name in (*systems, *BESIDE.values()) if any(cells.get(name) for cells in rows.values())]
        if not columns:
            return []
        said = "The prompts are captions of held-out faces. The true face is the face that the prompt describes."
        if "reconstruction" in columns:
            said += " Its reconstruction by the image tokenizer shows the best quality that generation can reach."
        left = len(prompts) - len(rows)
        said += f" {left} more prompts are not shown: increase section.samples.prompts to show them." if left else ""
        return [Paragraph(said), PictureGrid(columns, rows)]

    def _read(self, paths: Sequence[Path], title: str, pictures: PictureReader) -> list[EncodedPicture]:
        found = (pictures.read(path, self.side, title) for path in paths)
        return [picture for picture in found if picture]
