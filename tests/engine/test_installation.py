"""Code of one checkout is not run with the configurations of another."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from unif2ace.engine.installation import belong

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("code", "configs", "fits"),
    [
        ("a/src/unif2ace", "a/configs", True),
        ("site-packages/unif2ace", "site-packages/unif2ace_configs", True),
        ("a/src/unif2ace", "b/configs", False),
        ("a/src/unif2ace", "site-packages/unif2ace_configs", False),
        ("site-packages/unif2ace", "a/configs", False),
        ("a/src/unif2ace", "link/unif2ace_configs", True),
    ],
)
def test_what_belongs_together(code: str, configs: str, fits: bool, tmp_path: Path):
    (tmp_path / "a" / "configs").mkdir(parents=True)
    (tmp_path / "link").mkdir()
    (tmp_path / "link" / "unif2ace_configs").symlink_to(tmp_path / "a" / "configs")
    assert belong(tmp_path / code, tmp_path / configs) == fits


def test_another_checkouts_configurations_are_refused_with_the_remedy(tmp_path: Path):
    shutil.copytree(ROOT / "configs", tmp_path / "unif2ace_configs")
    path = os.pathsep.join((str(ROOT / "src"), str(tmp_path)))
    done = subprocess.run(
        [sys.executable, "-m", "unif2ace.commands.ask", "x.png", "Who?"],
        capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": path}, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 1
    assert f"error: the code is {ROOT / 'src' / 'unif2ace'}, but the configurations {tmp_path}" in done.stderr
    assert f"pip install -e {ROOT}" in done.stderr
