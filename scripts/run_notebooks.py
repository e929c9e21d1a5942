"""Runs every notebook of `notebooks/` from its .py source and fails at the first error; nothing is stored.

With `--write` the .ipynb beside each source is made anew, without outputs; `--check` fails where it differs.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[1] / "notebooks"
OUT = Path("logs") / "notebooks"


def _cells(notebook: nbformat.NotebookNode) -> list[tuple[str, str]]:
    return [(cell.cell_type, cell.source) for cell in notebook.cells]


def main() -> None:
    sources = sorted(FOLDER.glob("*.py"))
    if not sources:
        raise SystemExit(f"no notebook in {FOLDER}")
    for source in sources:
        notebook = jupytext.read(source)
        if "--check" in sys.argv:
            pair = source.with_suffix(".ipynb")
            if not pair.is_file() or _cells(jupytext.read(pair)) != _cells(notebook):
                raise SystemExit(
                    f"{pair.name} differs from {source.name}: run `python scripts/run_notebooks.py --write`"
                )
            continue
        if "--write" in sys.argv:
            for number, cell in enumerate(notebook.cells):
                cell["id"] = str(number)
            jupytext.write(notebook, source.with_suffix(".ipynb"), fmt="ipynb")
            continue
        start = time.monotonic()
        NotebookClient(notebook, timeout=600, kernel_name="python3").execute()
        OUT.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, OUT / f"{source.stem}.ipynb")
        print(f"{source.stem}: ran in {time.monotonic() - start:.0f} s; with outputs in {OUT / source.stem}.ipynb")


if __name__ == "__main__":
    main()
