"""`unif2ace-edit`: positional arguments, what it writes, and what it refuses."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from PIL import Image
from warm_process import run_warm

sys.path.insert(0, str(Path(__file__).parents[1] / "inference"))
from tiny_release import make_run

from unif2ace.commands import edit
from unif2ace.engine import compose
from unif2ace.errors import ConfigError


def config(*words: str):
    return compose("edit", edit.COMMAND.syntax.overrides(list(words)))


def test_plain_words_are_the_picture_and_the_prompt():
    found = config("my face.jpg", "with glasses, no 'hat'", "n=2")
    assert (found.picture, found.prompt, found.n) == ("my face.jpg", "with glasses, no 'hat'", 2)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["n=0"], "n=0"),
        (["mask=m.png", "region=[0,0,1,1]"], "mask=m.png and region="),
        (["region=0.5"], "region=0.5"),
    ],
)
def test_keys_that_exclude_each_other_are_named(words: list[str], message: str):
    with pytest.raises(ConfigError, match=message):
        edit.edit(config("face.png", "with glasses", *words))


def test_it_writes_marked_pictures_and_a_sheet(tmp_path: Path):
    run = make_run(tmp_path)
    Image.new("RGB", (40, 56), "gray").save(tmp_path / "my face.png")
    words = [
        str(tmp_path / "my face.png"),
        "smiling",
        f"ckpt={run}",
        "n=2",
        "seed=5",
        "steps=2",
        "best_of=1",
        "out=made",
    ]
    done = run_warm(
        ["-m", "unif2ace.commands.edit", *words], cwd=tmp_path, env=os.environ | {"UNIF2ACE_ROOT": str(tmp_path)}
    )
    assert done.returncode == 0, done.stderr
    assert "smile" in done.stdout
    made = tmp_path / "made"
    assert sorted(path.name for path in made.glob("*.png")) == ["000-seed5.png", "001-seed6.png", "sheet.png"]
    text = Image.open(made / "001-seed6.png").text
    assert (text["generated"], text["prompt"], text["edit"]) == ("yes", "smiling", "PredictionDifference")
