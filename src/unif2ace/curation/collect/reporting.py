"""The report of `collect`: outcomes of pictures and faces, measurements, licenses, and contact sheets."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from unif2ace.curation.collect.duplicates import read_duplicates
from unif2ace.curation.collect.running import SPLITS, Collection
from unif2ace.curation.collect.sheets import draw_sheets
from unif2ace.curation.journal import read_journal
from unif2ace.curation.report import JOURNALS, read_report, write_report
from unif2ace.curation.step import KEPT

_PERCENTILES = (1, 5, 25, 50, 75, 95, 99)


def report_collect(what: Collection) -> list[Path]:
    """Writes ``report.md``, ``report.json`` and ``sheets/`` of a collection, finished or not.

    Args:
        what: The collection.

    Returns:
        The written files.
    """
    splits = [split for split in SPLITS if (what.folder / split).is_dir()]
    whole = read_report(what.folder / split for split in splits)
    faces, measures, licenses = _faces(what.folder, splits)
    removed = {split: read_duplicates(what.folder / split) for split in splits}
    for line in (line for lines in removed.values() for line in lines):
        faces[KEPT] -= 1
        faces[line["kind"]] += 1
    sheets = draw_sheets(what.folder, splits, {picture.key: picture for picture in what.pictures})
    tables = {name: _percentiles(values) for name, values in measures.items() if values}
    tree = {
        "pictures": whole.to_json(),
        "faces": dict(faces.most_common()),
        "duplicates": removed,
        "measures": tables,
        "licenses": dict(licenses.most_common()),
        "not_read": dict(what.found.others),
        "archives_not_read": list(what.found.faults),
        "sheets": [sheet.relative_to(what.folder).as_posix() for sheet in sheets],
    }
    unmeasured = sorted(name for name, values in measures.items() if not values)
    markdown = _markdown(whole.to_markdown(), tree, unmeasured)
    return [*write_report(what.folder, markdown, tree), *sheets]


def _faces(folder: Path, splits: list[str]) -> tuple[Counter[str], dict[str, list[float]], Counter[str]]:
    """Number of faces by outcome, measurements of all faces by filter, and number of kept pictures by license."""
    faces, licenses, measures = Counter[str](), Counter[str](), defaultdict[str, list[float]](list)
    for split in splits:
        for path in sorted((folder / split).glob(JOURNALS)):
            for _, result, number in read_journal(path):
                licenses[result.notes.get("license", "")] += number > 0
                for face in result.notes.get("faces", ()):
                    faces[face["outcome"]] += 1
                    for name, value in face["measures"].items():
                        measures[name] += [] if value is None else [value]
    return faces, measures, +licenses


def _percentiles(values: list[float]) -> dict[str, float]:
    return {str(p): round(float(v), 3) for p, v in zip(_PERCENTILES, np.percentile(values, _PERCENTILES), strict=True)}


def _markdown(pictures: str, tree: dict[str, Any], unmeasured: list[str]) -> str:
    lines = ["# Collected faces", "", "## Pictures", "", pictures, "## Faces", "", "| outcome | faces |", "|---|---|"]
    lines += [f"| {outcome} | {number:,} |" for outcome, number in tree["faces"].items()]
    lines += ["", "## Measurements of all faces, percentiles", ""]
    lines += [f"| filter | {' | '.join(map(str, _PERCENTILES))} |", f"|{'---|' * (len(_PERCENTILES) + 1)}"]
    for name, row in tree["measures"].items():
        lines.append(f"| {name} | {' | '.join(f'{value:.3g}' for value in row.values())} |")
    lines += [f"\nFilters without a measurement, which refused no face: {', '.join(unmeasured)}." if unmeasured else ""]
    lines += [
        "",
        "## Licenses of the kept pictures",
        "",
        *(f"- {name}: {number:,}" for name, number in tree["licenses"].items()),
    ]
    if tree["not_read"] or tree["archives_not_read"]:
        lines += ["", "## Not read", ""]
        lines += [f"- {number:,} {what}" for what, number in tree["not_read"].items()]
        lines += [f"- {fault}" for fault in tree["archives_not_read"]]
    lines += ["", "## Sheets", "", *(f"![{sheet}]({sheet})" for sheet in tree["sheets"]), ""]
    return "\n".join(lines)
