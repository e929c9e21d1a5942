"""Weights with names of before 0.2 load under today's, and checkpoints with them are refused."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open

from unif2ace.engine.checkpoint_reading import CONFIG, RECORD, config_of
from unif2ace.engine.fingerprint import fingerprint
from unif2ace.engine.renamed_weights import KEYS, TENSORS, renamed_tensor
from unif2ace.engine.weights import BUILTIN, HEADER, load_net, read_header, read_weights, save_weights
from unif2ace.errors import DataError

KINDS = ("unified", "attributes")


def _written(kind: str) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Header and tensors as they stand in the package's file."""
    with safe_open(BUILTIN / f"{kind}.safetensors", "pt") as opened:
        return json.loads(opened.metadata()[HEADER]), {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118


def _keys(node: Any) -> set[str]:
    if isinstance(node, dict):
        return set(node).union(*map(_keys, node.values()))
    return set().union(*map(_keys, node)) if isinstance(node, list) else set()


@pytest.mark.parametrize("kind", KINDS)
def test_every_tensor_of_the_packages_weights_is_taken(kind: str):
    _, written = _written(kind)
    state = load_net("builtin", kind).state_dict()
    assert {renamed_tensor(name) for name in written} == state.keys()
    assert len(state) == len(written)
    for name, value in written.items():
        assert torch.equal(state[renamed_tensor(name)], value.to(state[renamed_tensor(name)].dtype)), name


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_of_format_1_keeps_its_fingerprint_and_its_provenance(kind: str):
    header, state = _written(kind)
    assert header["format"] == 1
    weights = read_weights("builtin", kind)
    assert weights.fingerprint == header["fingerprint"] == fingerprint(state, header["net"])
    assert read_header("builtin", kind) == weights.header
    for name in ("kind", "data", "seed", "steps", "metrics", "code", "fingerprint"):
        assert weights.header[name] == header[name]
    used = {part: dict(entry) for part, entry in header.get("companions", {}).items()}
    if "tokenizer" in used:  # recorded without its decoder
        used["tokenizer"]["fingerprint"] = read_weights("builtin", "tokenizer").component_fingerprint
    assert weights.header["components"] == used
    assert "companions" not in weights.header


def test_no_old_name_is_left_in_a_header():
    for kind in KINDS:
        header = read_header("builtin", kind)
        assert not _keys([header["net"], header["module"]]) & (KEYS.keys() - {"code_features"} | {"conditions"})
    module = read_header("builtin", "unified")["module"]
    assert module["visual_encoders"].keys() == read_header("builtin", "unified")["net"]["visual_dims"].keys()
    assert module["code_features"] is True


def test_the_table_of_tensors_holds_what_is_needed_alone():
    names = [name for kind in KINDS for name in _written(kind)[1]]
    for pattern, _ in TENSORS:
        assert any(re.search(pattern, name) for name in names), pattern


def test_a_file_with_old_names_that_was_changed_is_damaged(tmp_path: Path):
    data = bytearray((BUILTIN / "attributes.safetensors").read_bytes())
    data[-1] ^= 1
    (tmp_path / "attributes.safetensors").write_bytes(data)
    with pytest.raises(DataError, match="is damaged: its weights have fingerprint"):
        read_weights(tmp_path / "attributes.safetensors")


def test_saved_anew_it_has_todays_names_and_format(tmp_path: Path):
    weights = read_weights("builtin", "unified")
    path = tmp_path / "weights.safetensors"
    saved = save_weights(path, weights.state, kind="unified", config=weights.config, provenance=weights.header)
    again = read_weights(path)
    assert again.header["format"] == 2
    assert again.fingerprint == saved.fingerprint != weights.fingerprint  # names and configuration are part of it
    assert (again.config, again.header["module"]) == (weights.config, weights.header["module"])
    torch.testing.assert_close(dict(again.state), dict(weights.state), rtol=0, atol=0)


@pytest.mark.parametrize("read", [read_weights, read_header, config_of])
def test_a_checkpoint_whose_record_has_no_format_is_refused(tmp_path: Path, read: Any):
    net = torch.nn.Linear(3, 2)
    built = {"_target_": "torch.nn.Linear", "in_features": 3, "out_features": 2}
    record = {"kind": "attributes", "net": built, CONFIG: {"seed": 0}}
    state = {f"net.{name}": value for name, value in net.state_dict().items()}
    path = tmp_path / "last.ckpt"
    torch.save({"state_dict": state, "global_step": 7, RECORD: record}, path)
    with pytest.raises(DataError, match=r"last\.ckpt was written before .*CHANGELOG\.md.*init_from="):
        read(path)
    torch.save({"state_dict": state, "global_step": 7, RECORD: record | {"format": 2}}, path)
    assert read(path)
