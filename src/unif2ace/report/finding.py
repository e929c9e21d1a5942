"""Finds folders of results below the given folders."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from unif2ace.comparing.run import short_names
from unif2ace.errors import DataError
from unif2ace.report.result_folder import EVALUATION, GENERATED, STAGES, TABLE, ResultFolder

_RUN = ("config.yaml", "metrics.csv", "environment.json", EVALUATION)
_INSIDE = {"checkpoints", "outputs", "tokens", "faces", "experts", "noise_levels", "samples", "evaluation", "cells"}
"""Names of folders that are not searched."""
_DEPTH = 4


def find_folders(paths: Sequence[str | Path], most: int) -> tuple[list[ResultFolder], list[str]]:
    """Finds runs, evaluations, generated faces and tables. They are sorted by the given path, then by name.

    Runs, evaluations and generated faces are not searched for further results. A table also adds the first finished run
    of each of its rows, and a quickstart adds its runs.

    Args:
        paths: Folders of results, or their parent folders. Up to four levels are searched.
        most: Maximum number of folders.

    Returns:
        The folders, and the names of the folders beyond `most`.

    Raises:
        DataError: If a path is not a folder, or no results are found.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        if not path.is_dir():
            raise DataError(f"{path}: no such folder; give folders of runs, evaluations or tables")
        found += [one for one in _below(path, _DEPTH) if one not in found]
    if not found:
        listed = ", ".join(map(str, paths))
        raise DataError(
            f"{listed}: found no run, evaluation or table in up to {_DEPTH} levels of folders; give a folder with "
            "config.yaml, metrics.csv, evaluation.json or table.json"
        )
    folders = [ResultFolder(name, path) for path, name in _named(found)]
    folders.sort(key=lambda folder: not (folder.config or folder.evaluation or folder.table or folder.logged))
    folders = [one for folder in folders for one in (folder, *_cells(folder))]
    return folders[:most], [folder.name for folder in folders[most:]]


def _named(paths: Sequence[Path]) -> list[tuple[Path, str]]:
    """Pairs (folder, short name). A folder that contains other found folders has only its last part as name."""
    above = {parent for path in paths for parent in path.parents}
    inner = [path for path in paths if path not in above]
    names = dict(zip(inner, short_names(inner), strict=True))
    return [(path, names.get(path, path.name)) for path in paths]


def _below(path: Path, depth: int) -> Iterator[Path]:
    names: set[str] = set()
    folders: list[str] = []
    faces = False
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.name)
                elif GENERATED.fullmatch(entry.name):
                    faces = True
                else:
                    names.add(entry.name)
    except OSError:
        return
    is_run = not names.isdisjoint(_RUN) or ("evaluation" in folders and (path / "evaluation" / EVALUATION).is_file())
    if is_run or faces or names & {TABLE, STAGES}:
        yield path
    if depth and not is_run and not faces:
        for name in sorted(folders):
            if name not in _INSIDE and not name.startswith("."):
                yield from _below(path / name, depth - 1)


def _cells(folder: ResultFolder) -> Iterator[ResultFolder]:
    """The first finished run of each row of a table."""
    rows = folder.table.get("rows", [])
    for row in rows if isinstance(rows, list) else ():
        for cell in _list(row, "cells"):
            path = folder.path / str(cell.get("folder"))
            if cell.get("status") == "done" and path.is_dir():
                yield ResultFolder(str(row.get("title") or row.get("name")), path, folder.name)
                break


def _list(tree: Any, name: str) -> list[Mapping[str, Any]]:
    found = tree.get(name) if isinstance(tree, Mapping) else None
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []
