"""Parts of matrices that are gathered on another device than the one they wait on."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributed.tensor import Shard

from unif2ace.optimizers import shards


class _Elsewhere:
    """Of `DTensor` what is asked for, for one process whose mesh is on the processor, wherever its parts are."""

    device_mesh, placements = None, (Shard(0),)

    def __init__(self, local: Tensor) -> None:
        self.local, self.ndim, self.shape, self.stride = local, local.ndim, local.shape, local.stride

    @classmethod
    def from_local(cls, own: Tensor, *_: Any, **__: Any) -> _Elsewhere:
        return cls(torch.zeros(own.shape))

    def redistribute(self, *_: Any) -> _Elsewhere:
        return self

    def to_local(self) -> Tensor:
        return self.local


def test_a_result_comes_back_to_where_the_part_waits(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shards, "DTensor", _Elsewhere)
    own, seen = torch.empty(4, 3, device="meta"), []
    found = shards.of_whole(lambda x: seen.append(x.device.type) or x, own, _Elsewhere(own), 2)
    assert seen == ["cpu"]
    assert found.device == own.device
