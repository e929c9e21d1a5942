"""The lines of the README and of the pages, and the notebook on the pipeline, run as they stand, with a small model."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from tiny_release import make_run

import unif2ace

ROOT = Path(__file__).parents[2]
LOAD = unif2ace.load
LONG = "docs/editing.md"
"""A page whose descriptions are longer than the small model reads: it runs with the model in the package."""
BLOCKS = [
    pytest.param(name := page.relative_to(ROOT).as_posix(), code, marks=[pytest.mark.slow] if name == LONG else [])
    for page in sorted((ROOT / "docs").glob("**/*.md"))
    for code in re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
]


@pytest.fixture(scope="module")
def pipe(tmp_path_factory):
    return unif2ace.load(make_run(tmp_path_factory.mktemp("tour")), device="cpu")


@pytest.fixture(autouse=True)
def _load(pipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(unif2ace, "load", lambda: pipe)
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    monkeypatch.chdir(tmp_path)


def test_the_lines_of_the_readme_run(tmp_path: Path):
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S)
    found: dict = {}
    exec(compile(code, "README.md", "exec"), found)
    assert [image.size for image in found["faces"]] == [(32, 32)] * 4
    assert len([*(tmp_path / "variations").glob("*.png")]) == 4
    for line in code.splitlines():
        if line.startswith("pipe.") and "save" not in line:
            assert eval(line.partition("#")[0], found) is not None


@pytest.mark.parametrize(("page", "code"), BLOCKS, ids=lambda v: v.partition("\n")[0])
def test_the_lines_of_the_pages_run(page: str, code: str, monkeypatch: pytest.MonkeyPatch):
    if page == LONG:
        monkeypatch.setattr(unif2ace, "load", LOAD)
    Path("my").mkdir()
    shutil.copy(ROOT / "docs" / "editing.png", "my/face.jpg")
    exec(compile(code, page, "exec"), {})


def test_the_notebook_runs(capsys: pytest.CaptureFixture[str]):
    found: dict = {}
    exec(compile((ROOT / "notebooks" / "pipeline_tour.py").read_text(encoding="utf-8"), "pipeline_tour", "exec"), found)
    said = capsys.readouterr().out
    alike = [line for line in said.splitlines() if line.startswith(("a path", "PIL", "an array"))]
    assert (len(alike), len({line[10:] for line in alike})) == (3, 1)
    assert len(found["moments"]) >= 4
    assert "cut to its middle 32x32" in said
