"""Makes a report from folders of results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from unif2ace.data.atomic import replacing
from unif2ace.errors import ConfigError, Unif2aceError
from unif2ace.report.assets import Assets
from unif2ace.report.blocks.base import ReportBlock
from unif2ace.report.blocks.paragraph import Paragraph
from unif2ace.report.finding import find_folders
from unif2ace.report.page import html_page, markdown_page
from unif2ace.report.picture_reader import PictureReader
from unif2ace.report.result_folder import ResultFolder
from unif2ace.report.sections.base import Section

NOT_SHOWN = "Not shown"
_Shown = tuple[list[ReportBlock], list[str]]
_FAULTS = (Unif2aceError, ArithmeticError, AttributeError, LookupError, OSError, TypeError, ValueError)
"""Errors that a damaged file may cause in a section."""


def write_report(
    paths: Sequence[str | Path],
    sections: Iterable[Section],
    out: Path,
    *,
    title: str,
    max_runs: int = 12,
    max_megabytes: float = 8,
) -> list[Path]:
    """Writes a report as an HTML page and as Markdown.

    The Markdown file and a folder with its pictures lie beside the page. The same results give the same files.

    Args:
        paths: Folders of results, or their parent folders.
        sections: The sections in order.
        out: Path of the page, ending with ``.html``. Its folder is created.
        title: Title of the report.
        max_runs: Maximum number of result folders in the report.
        max_megabytes: Maximum total size of all pictures in the page, in megabytes.

    Returns:
        The page and the Markdown file.

    Raises:
        ConfigError: If `out` does not end with ``.html``, or a limit is out of range.
        DataError: If a path is not a folder, or no results are found.
    """
    if out.suffix.lower() != ".html":
        raise ConfigError(f"out={out}: give a path that ends with .html, such as out={out / 'index.html'}")
    if max_runs < 1 or max_megabytes <= 0:
        raise ConfigError(
            f"max_runs={max_runs}, max_megabytes={max_megabytes}: give max_runs >= 1 and max_megabytes > 0"
        )
    folders, further = find_folders(paths, max_runs)
    pictures = PictureReader(int(max_megabytes * 1e6))
    contents: dict[str, Sequence[ReportBlock]] = {}
    notes: list[str] = []
    for section in sections:
        blocks, found = _shown(section, folders, pictures)
        notes += found
        if blocks:
            contents[section.title] = [*contents.get(section.title, ()), *blocks]
    notes = [*(f"{folder.name}: {fault}" for folder in folders for fault in dict.fromkeys(folder.faults)), *notes]
    notes += _limits(further, pictures, max_runs, max_megabytes)
    if notes:
        contents = {NOT_SHOWN: [Paragraph("\n".join(notes), "bad")], **contents}
    return _write(out, title, contents)


def _shown(
    section: Section, folders: Sequence[ResultFolder], pictures: PictureReader
) -> tuple[list[ReportBlock], list[str]]:
    """The blocks of a section, and one message for each folder that the section cannot show."""
    try:
        return section.blocks(folders, pictures), []
    except _FAULTS as error:
        said = f"{section.title} cannot be shown ({type(error).__name__}: {' '.join(str(error).split())})"
        if len(folders) == 1:
            return [], [f"{folders[0].name}: {said}"]
    alone = {folder.name: _shown(section, [folder], pictures)[1] for folder in folders}
    fine = [folder for folder in folders if not alone[folder.name]]
    notes = [note for found in alone.values() for note in found]
    if len(fine) == len(folders):
        return [], [f"{said} for all folders together; each folder alone can be shown"]
    blocks, more = _shown(section, fine, pictures) if fine else ([], [])
    return blocks, [*notes, *more]


def _limits(further: Sequence[str], pictures: PictureReader, max_runs: int, max_megabytes: float) -> list[str]:
    notes = list(dict.fromkeys(pictures.unreadable))
    if further:
        named = ", ".join(further[:5]) + (", ..." if len(further) > 5 else "")
        notes.append(f"{len(further)} more folders, such as {named}: increase max_runs={max_runs} to show them")
    if pictures.left_out:
        notes.append(f"{pictures.left_out} pictures: increase max_megabytes={max_megabytes:g} to show them")
    return notes


def _write(out: Path, title: str, contents: Mapping[str, Sequence[ReportBlock]]) -> list[Path]:
    out.parent.mkdir(parents=True, exist_ok=True)
    assets, text = Assets(out.with_name(f"{out.stem}_files")), out.with_suffix(".md")
    written = markdown_page(title, contents, assets)
    assets.write()
    for path, content in ((text, written), (out, html_page(title, contents))):
        with replacing(path) as file:
            file.write(content.encode("utf-8", errors="replace"))
    return [out, text]
