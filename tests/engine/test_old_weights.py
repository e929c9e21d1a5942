"""Weights and checkpoints with names of before 0.2 are refused; a classifier of then, of the same names, loads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from unif2ace.engine.checkpoint_reading import CONFIG, RECORD, config_of
from unif2ace.engine.fingerprint import fingerprint
from unif2ace.engine.weights import BUILTIN, HEADER, read_header, read_weights
from unif2ace.errors import DataError


def _written() -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Header and tensors of the package's classifier, a file of format 1."""
    with safe_open(BUILTIN / "attributes.safetensors", "pt") as opened:
        return json.loads(opened.metadata()[HEADER]), {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118


def test_a_classifier_of_format_1_keeps_its_fingerprint_and_its_provenance():
    header, state = _written()
    assert header["format"] == 1
    weights = read_weights("builtin", "attributes")
    assert weights.fingerprint == header["fingerprint"] == fingerprint(state, header["net"])
    assert read_header("builtin", "attributes") == weights.header
    assert weights.header == {name: value for name, value in header.items() if name != "companions"}


@pytest.mark.parametrize("read", [read_weights, read_header])
def test_weights_with_old_names_are_refused(tmp_path: Path, read: Any):
    header, state = _written()
    header["companions"] = {"tokenizer": {"path": "tokenizer.safetensors", "fingerprint": "0"}}
    path = tmp_path / "weights.safetensors"
    save_file(state, path, {HEADER: json.dumps(header)})
    with pytest.raises(DataError, match=r"weights\.safetensors was written by version 0.1.*CHANGELOG\.md"):
        read(path)


def test_a_file_of_format_1_that_was_changed_is_damaged(tmp_path: Path):
    data = bytearray((BUILTIN / "attributes.safetensors").read_bytes())
    data[-1] ^= 1
    (tmp_path / "attributes.safetensors").write_bytes(data)
    with pytest.raises(DataError, match="is damaged: its weights have fingerprint"):
        read_weights(tmp_path / "attributes.safetensors")


@pytest.mark.parametrize("read", [read_weights, read_header, config_of])
def test_a_checkpoint_whose_record_has_no_format_is_refused(tmp_path: Path, read: Any):
    net = torch.nn.Linear(3, 2)
    built = {"_target_": "torch.nn.Linear", "in_features": 3, "out_features": 2}
    record = {"kind": "attributes", "net": built, CONFIG: {"seed": 0}}
    state = {f"net.{name}": value for name, value in net.state_dict().items()}
    path = tmp_path / "last.ckpt"
    torch.save({"state_dict": state, "global_step": 7, RECORD: record}, path)
    with pytest.raises(DataError, match=r"last\.ckpt was written by version 0.1.*CHANGELOG\.md"):
        read(path)
    torch.save({"state_dict": state, "global_step": 7, RECORD: record | {"format": 2}}, path)
    assert read(path)
