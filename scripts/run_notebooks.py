"""Runs every notebook of `notebooks/` from its .py source and fails at the first error; nothing is stored.

With `--write` the .ipynb beside each source is made anew, without outputs.
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


def main() -> None:
    sources = sorted(FOLDER.glob("*.py"))
    if not sources:
        raise SystemExit(f"no notebook in {FOLDER}")
    for source in sources:
        notebook = jupytext.read(source)
        if "--write" in sys.argv:
            jupytext.write(notebook, source.with_suffix(".ipynb"), fmt="ipynb")
            continue
        start = time.monotonic()
        NotebookClient(notebook, timeout=600, kernel_name="python3").execute()
        OUT.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, OUT / f"{source.stem}.ipynb")
        print(f"{source.stem}: ran in {time.monotonic() - start:.0f} s; with outputs in {OUT / source.stem}.ipynb")


if __name__ == "__main__":
    main()
