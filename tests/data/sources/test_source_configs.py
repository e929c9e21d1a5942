"""The configurations of importers and question files: every argument is there, with the default that the class has."""

import inspect
from pathlib import Path
from pydoc import locate

import pytest
import yaml

CONFIGS = Path(__file__).parents[3] / "configs"
FILES = sorted(f for group in ("source", "question_file", "export_format") for f in (CONFIGS / group).glob("*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_a_configuration_shows_every_argument_and_its_default(file: Path):
    name, tree = file.stem, yaml.safe_load(file.read_text(encoding="utf-8"))
    target = tree.pop("_target_")
    assert target.split(".")[-2] == name
    parameters = inspect.signature(locate(target)).parameters
    assert set(tree) == set(parameters)
    for argument, parameter in parameters.items():
        required = parameter.default is inspect.Parameter.empty
        default = list(parameter.default) if isinstance(parameter.default, tuple) else parameter.default
        assert tree[argument] == ("???" if required else default), argument
