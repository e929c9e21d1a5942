"""Every command's own keys have a type; wrong values are refused before the work, with key, value and range."""

from __future__ import annotations

from pathlib import Path

import pytest

from unif2ace.engine import compose
from unif2ace.engine.config_comments import choices_of, comments
from unif2ace.engine.key_types import ANY, KEY_TYPES, OWN_TYPES, check_places
from unif2ace.errors import ConfigError

ROOT = Path(__file__).parents[2] / "configs"
COMMANDS = sorted(p.stem for p in ROOT.glob("*.yaml"))
FILES = [*COMMANDS, *(f"kind/{kind}" for kind in choices_of("kind"))]


@pytest.mark.parametrize("file", FILES)
def test_every_key_that_a_command_reads_itself_has_a_type(file: str):
    found = comments(file)
    own = {key for key in found.keys if key.split(".")[0] not in {*found.groups, "task"}}
    assert own <= KEY_TYPES.keys(), "give the new key a type in engine/key_types.py"
    for key in own:
        assert found.keys[key].comment, f"{key} has no comment for --help"


@pytest.mark.parametrize(
    ("command", "override", "message"),
    [
        ("generate", "n=two", "n=two: must be a whole number from 1"),
        ("generate", "n=0", "n=0"),
        ("generate", "n=1.5", "n=1.5"),
        ("generate", "n=true", "n=true"),
        ("generate", "n=null", "n=null: must be a whole number"),
        ("generate", "seed=-1", "seed=-1: must be a whole number from 0 to 4294967295"),
        ("generate", "seed=137438953472", "seed=137438953472"),
        ("generate", "guidance=abc", "guidance=abc: must be a number from 0 to 100"),
        ("generate", "guidance=nan", "guidance=nan"),
        ("generate", "scale=0", "scale=0"),
        ("generate", "region=[0,1,1,0.5]", "region=[0, 1, 1, 0.5]: must be [left,top,right,bottom]"),
        ("caption", "length=Long", "length=Long: must be long or short (did you mean 'long'?"),
        ("caption", "out=x.foo", "out=x.foo: must be a file name that ends in .png"),
        ("build", "validation=0.6", "validation=0.6: must be a number from 0 to 0.5"),
        ("build", "captions=[long]", "captions=['long']"),
        ("build", "workers=0", "workers=0"),
        ("index", "strict=maybe", "strict=maybe: must be true or false"),
        ("train", "seed=two", "seed=two"),
        ("train", "max_nonfinite_steps=0", "max_nonfinite_steps=0"),
        ("tokenize", "precision=fp8", "precision=fp8: must be float32 or bfloat16"),
    ],
)
def test_a_wrong_value_is_refused_with_its_range(command: str, override: str, message: str):
    with pytest.raises(ConfigError) as caught:
        compose(command, [override])
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("command", "override", "message"),
    [
        ("generate", "out={tmp}/file", "this is a file; give a folder"),
        ("generate", "out={tmp}/file/below", "is a file, not a folder; give another out="),
        ("caption", "out={tmp}/folder.png", "this is a folder; give a file name"),
        ("stats", "out=/proc/nowhere", "out=/proc/nowhere: /proc is not writable"),
        ("train", "run_dir=/proc/run", "run_dir=/proc/run: /proc is not writable"),
        ("ask", "device=gpu", "device=gpu: not a PyTorch device; choose one of cpu"),
        ("ask", "device=cuda:99", "device=cuda:99: this machine has no such device; choose one of cpu"),
    ],
)
def test_a_place_or_device_that_cannot_be_used_is_refused(command: str, override: str, message: str, tmp_path: Path):
    (tmp_path / "file").touch()
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(ConfigError) as caught:
        check_places(command, compose(command, [override.format(tmp=tmp_path)]))
    assert message in str(caught.value)
    check_places(command, compose(command, [f"out={tmp_path}/new.png"] if command == "caption" else []))


def test_the_exceptions_of_one_command_are_of_keys_in_the_table():
    for command, own in OWN_TYPES.items():
        assert own.keys() <= KEY_TYPES.keys() & comments(command).keys.keys()
        assert all(found is not ANY for found in own.values())
