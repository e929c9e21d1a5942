"""How the editing benchmark measures identity: by rank among other persons, of faces that are found, if it can."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from benchmarks import editing
from unif2ace.errors import ConfigError
from unif2ace.types import Condition


class _MeanColour:
    """Embeds a picture (3, H, W) as its mean colour; a black one has no face."""

    def __call__(self, images: Tensor) -> Condition:
        values = images.float().mean((2, 3))[:, None]
        return Condition(values, values[:, 0].sum(1) > 0)


@pytest.fixture
def faces() -> Tensor:
    """Three persons of one colour each: 10, 100 and 200."""
    return torch.tensor([10, 100, 200], dtype=torch.uint8)[:, None, None, None].expand(3, 3, 4, 4)


def test_it_is_the_share_of_other_persons_that_are_farther(faces: Tensor, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(editing, "IdentityEncoder", _MeanColour)
    identity = editing.Identity(faces)
    assert identity(faces) == {"identity": 1, "identity, faces found": 1}
    edited = torch.tensor([60, 100, 0], dtype=torch.uint8)[:, None, None, None].expand_as(faces)
    # 60 is nearer to 100 than to its own 10, and nearer to that than to 200; the last has no face
    assert identity(edited) == {"identity": pytest.approx((0.5 + 1) / 2), "identity, faces found": pytest.approx(2 / 3)}


def test_without_the_extra_there_is_no_column(
    faces: Tensor, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def missing() -> Any:
        raise ConfigError("pip install unif2ace[identity]")

    monkeypatch.setattr(editing, "IdentityEncoder", missing)
    assert editing.Identity(faces)(faces) == {}
    assert "unif2ace[identity]" in capsys.readouterr().out
