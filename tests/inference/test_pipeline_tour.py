"""The README's lines and the notebook on the pipeline run as they stand, here with a small model."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tiny_release import make_run

import unif2ace

ROOT = Path(__file__).parents[2]


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


def test_the_notebook_runs(capsys: pytest.CaptureFixture[str]):
    found: dict = {}
    exec(compile((ROOT / "notebooks" / "pipeline_tour.py").read_text(encoding="utf-8"), "pipeline_tour", "exec"), found)
    said = capsys.readouterr().out
    alike = [line for line in said.splitlines() if line.startswith(("a path", "PIL", "an array"))]
    assert (len(alike), len({line[10:] for line in alike})) == (3, 1)
    assert len(found["moments"]) >= 4
    assert "cut to its middle 32x32" in said
