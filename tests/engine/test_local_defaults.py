"""The defaults of a machine: read if they are there, stronger than an experiment, weaker than what is typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from unif2ace.engine import compose
from unif2ace.engine.config_comments import comments
from unif2ace.errors import ConfigError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "local").mkdir()
    (tmp_path / "local" / "default.yaml").write_text("# @package _global_\ntrainer: {log_every_n_steps: 7}\nseed: 3\n")
    return tmp_path


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ([], (7, 3)),
        (["experiment=attributes/quickstart"], (7, 3)),
        (["seed=5"], (7, 5)),
        (["~local"], (10, 0)),
    ],
)
def test_they_replace_an_experiments_values_and_what_is_typed_replaces_them(
    folder: Path, words: list[str], found: tuple[int, int]
):
    config = compose("train", words, config_dir=folder)
    assert (config.trainer.log_every_n_steps, config.seed) == found


def test_without_a_file_nothing_is_missing():
    assert "local" not in comments("train").groups, "help lists what can be chosen"
    assert compose("train").seed == 0


@pytest.mark.parametrize("words", [[], ["experiment=attributes/quickstart"]])
def test_a_mistyped_key_is_an_error(folder: Path, words: list[str]):
    file = folder / "local" / "default.yaml"
    file.write_text("# @package _global_\nsede: 3\n")
    with pytest.raises(ConfigError, match=r"local 'default' sets 'sede', which nothing reads .did you mean 'seed'"):
        compose("train", words, config_dir=folder)
