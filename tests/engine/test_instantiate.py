"""Only admitted targets are built, whatever a configuration writes, and faults name the mend."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest
import torch

from unif2ace.engine import instantiate, instantiate_slots
from unif2ace.errors import ConfigError

FORBIDDEN = [
    {"_target_": "os.system", "command": "touch {marker}"},
    {"_target_": "builtins.open", "file": "{marker}", "mode": "w"},
    {"_target_": "builtins.eval", "_args_": ["open('{marker}', 'w')"]},
    {"_target_": "builtins.exec", "_args_": ["open('{marker}', 'w')"]},
    {"_target_": "pathlib.Path.touch", "_args_": [{"_target_": "pathlib.Path", "_args_": ["{marker}"]}]},
    {"_target_": "shutil.copy", "src": "/etc/hostname", "dst": "{marker}"},
    {"_target_": "subprocess.run", "args": ["touch", "{marker}"]},
    {"_target_": "torch.load", "f": "{marker}", "weights_only": False},
    {"_target_": "webdataset.utils.safe_eval", "_args_": ["1"]},
    {"_target_": "torch.nn.modules.module.os.system", "command": "touch {marker}"},
    {"_target_": "unif2ace.engine.command.os.system", "command": "touch {marker}"},
    {"_target_": "unif2ace.engine.resolvers.os.makedirs", "name": "{marker}"},
    {"_target_": "torch.optim.optimizer.functools.partial", "_args_": [print]},
]


def _filled(node, marker):
    if isinstance(node, dict):
        return {k: _filled(v, marker) for k, v in node.items()}
    if isinstance(node, list):
        return [_filled(v, marker) for v in node]
    return node.replace("{marker}", str(marker)) if isinstance(node, str) else node


@pytest.mark.parametrize("config", FORBIDDEN, ids=lambda c: c["_target_"])
@pytest.mark.parametrize("nested", [False, True])
def test_what_is_not_admitted_is_refused_and_never_called(config, nested, tmp_path: Path):
    marker = tmp_path / "marker"
    config = _filled({k: v for k, v in config.items() if v != [print]}, marker)
    if nested:
        config = {"_target_": "torch.nn.Sequential", "_args_": [{"_target_": "torch.nn.Identity", "extra": [config]}]}
    with pytest.raises(ConfigError, match=r"not allowed|does not exist"):
        instantiate(config)
    assert not marker.exists()


def test_admitted_targets_are_built_with_plain_containers():
    linear = instantiate({"_target_": "torch.nn.Linear", "in_features": 3, "out_features": 2})
    assert isinstance(linear, torch.nn.Linear)
    factory = instantiate({"_target_": "torch.optim.SGD", "_partial_": True, "lr": 0.1})
    assert isinstance(factory, functools.partial)
    assert isinstance(factory(linear.parameters()), torch.optim.SGD)


def test_a_package_of_ones_own_is_admitted_by_name():
    config = {"_target_": "fractions.Fraction", "numerator": 3}
    with pytest.raises(ConfigError, match=r"engine\.allow"):
        instantiate(config)
    assert instantiate(config, allow=["fractions."]) == 3


def test_a_mistyped_argument_names_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'in_features'"):
        instantiate({"_target_": "torch.nn.Linear", "in_featurs": 3, "out_features": 2})


def test_a_missing_argument_names_the_key_to_set():
    with pytest.raises(ConfigError, match=r"config\.out_features is missing.*=\.\.\."):
        instantiate({"_target_": "torch.nn.Linear", "in_features": 3})


def test_a_mistyped_class_names_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'Linear'"):
        instantiate({"_target_": "torch.nn.Linera"})


def test_a_slot_without_target_names_the_override():
    with pytest.raises(ConfigError, match=r"such as `loss=\[d3diff,\.\.\.\]`"):
        instantiate_slots({"d3diff": {"alpha": 0.1}}, "loss")
    assert instantiate_slots({"off": None}, "callbacks") == {}
    assert instantiate_slots(None, "callbacks") == {}


@pytest.mark.parametrize("value", ["many", True, 2.5, None])
def test_a_value_of_the_wrong_type_names_the_key_and_the_type(value):
    config = {"_target_": "unif2ace.data.tasks.image.ImageTask", "batch_size": value}
    with pytest.raises(ConfigError, match=r"config\.batch_size=.*takes int"):
        instantiate(config)
