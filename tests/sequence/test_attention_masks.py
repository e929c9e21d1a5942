"""Who may look at whom: against the official masks, and against the rule said in words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from unif2ace.sequence.attention import omni_attention
from unif2ace.types import Role, Task

FOLDER = Path(__file__).parents[2] / "../shared/fixtures/showo"


def _golden():
    path = FOLDER / "masks.safetensors"
    if not path.is_file():
        pytest.skip(f"needs the golden masks of Show-o at {path}")
    return load_file(path), json.loads(path.with_suffix(".json").read_text())


def _roles(ids, pad, soi, eoi):
    """What each column of official ids holds."""
    role = torch.full_like(ids, Role.PROMPT, dtype=torch.int8)
    for row in range(len(ids)):
        starts, ends = (ids[row] == soi).nonzero(), (ids[row] == eoi).nonzero()
        if len(starts):
            role[row, starts[0] + 1 : ends[0]] = Role.IMAGE
            role[row, starts[0]], role[row, ends[0]] = Role.SOI, Role.EOI
    role[ids == pad] = Role.PAD
    return role


@pytest.mark.parametrize(
    ("name", "task"), [("t2i", Task.TEXT_TO_IMAGE), ("lm", Task.UNDERSTANDING), ("mmu", Task.UNDERSTANDING)]
)
def test_official_masks(name, task):
    tensors, notes = _golden()
    ids = tensors[f"{name}.ids"]
    special = notes["vocab"]["special"]
    role = _roles(ids, notes["vocab"]["pad_id"], special["<|soi|>"], special["<|eoi|>"])
    found = omni_attention(role, torch.full((len(ids),), task, dtype=torch.int8))
    assert torch.equal(found, tensors[f"{name}.bool"].bool())


def test_official_mask_at_full_length():
    tensors, notes = _golden()
    ids, names = tensors["full_t2i.ids"], notes["full_ids"]
    role = _roles(ids, names["pad"], names["soi"], names["eoi"])
    found = omni_attention(role, torch.full((len(ids),), Task.TEXT_TO_IMAGE, dtype=torch.int8))
    assert torch.equal(found, tensors["full_t2i.bool"].bool())


P, T, W, S, M, E, A = Role.PAD, Role.TASK, Role.PROMPT, Role.SOI, Role.IMAGE, Role.EOI, Role.ANSWER


@pytest.mark.parametrize(
    ("roles", "task"),
    [
        ([P, P, T, W, W, S, M, M, M, E], Task.TEXT_TO_IMAGE),
        ([T, S, M, M, E, W, W, A, P, P], Task.UNDERSTANDING),
        ([P, P, P, T, S, M, M, E, W, W], Task.UNDERSTANDING),
    ],
)
def test_the_rule_column_by_column(roles, task):
    role = torch.tensor([roles], dtype=torch.int8)
    found = omni_attention(role, torch.tensor([task], dtype=torch.int8))[0, 0]
    end = roles.index(E)
    for asks, a in enumerate(roles):
        for looked_at, b in enumerate(roles):
            allowed = looked_at <= asks
            if task == Task.UNDERSTANDING or a in (S, M, E):
                allowed |= looked_at <= end
            if b == P and a != P:
                allowed = False
            assert bool(found[asks, looked_at]) == allowed, (asks, looked_at)
    assert found.any(1).all()
