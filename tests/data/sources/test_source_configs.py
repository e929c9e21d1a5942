"""The configurations of the importers: every argument is there, with the default that the class has."""

import inspect
from pathlib import Path
from pydoc import locate

import pytest
import yaml

FOLDER = Path(__file__).parents[3] / "configs" / "source"


@pytest.mark.parametrize("name", ["folder", "celeba", "webdataset"])
def test_a_configuration_shows_every_argument_and_its_default(name):
    tree = yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    target = tree.pop("_target_")
    assert target.split(".")[-2] == name
    parameters = inspect.signature(locate(target)).parameters
    assert set(tree) == set(parameters)
    for argument, parameter in parameters.items():
        required = parameter.default is inspect.Parameter.empty
        default = list(parameter.default) if isinstance(parameter.default, tuple) else parameter.default
        assert tree[argument] == ("???" if required else default), argument
