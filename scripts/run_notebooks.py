"""Runs the notebooks of `notebooks/` from their .py sources and fails at the first error.

    python scripts/run_notebooks.py [NAME ...] [--write | --check]

Copies with outputs are written to logs/notebooks. --write only rewrites the .ipynb file next to each source, without
outputs. --check only checks that the .ipynb files match their sources.
"""

from __future__ import annotations

import argparse
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
    sources = {source.stem: source for source in sorted(FOLDER.glob("*.py"))}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(sources)}; all by default")
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--write", action="store_true")
    only.add_argument("--check", action="store_true")
    asked = parser.parse_args()
    if unknown := set(asked.names) - sources.keys():
        raise SystemExit(f"there is no notebook {sorted(unknown)[0]!r}; choose from {', '.join(sources)}")
    for source in (sources[name] for name in asked.names or sources):
        notebook = jupytext.read(source)
        if asked.check:
            pair = source.with_suffix(".ipynb")
            if not pair.is_file() or _cells(jupytext.read(pair)) != _cells(notebook):
                raise SystemExit(
                    f"{pair.name} differs from {source.name}: run `python scripts/run_notebooks.py --write`"
                )
            continue
        if asked.write:
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
