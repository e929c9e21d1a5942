"""Functions that the compiler leaves out."""

from __future__ import annotations

import torch

from unif2ace.nets.uncompiled import uncompiled


def test_the_compiler_neither_traces_nor_compiles_the_function():
    seen: list[bool] = []

    @uncompiled
    def inner(x: torch.Tensor) -> torch.Tensor:
        seen.append(torch.compiler.is_compiling())
        return x * x.sum().item()

    compiled = torch.compile(lambda x: inner(x + 1) + 1, backend="eager")
    assert torch.equal(compiled(torch.ones(2)), torch.full((2,), 9.0))
    assert seen == [False]
