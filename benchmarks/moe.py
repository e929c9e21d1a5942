"""Speed of routed experts relative to a dense SwiGLU network with the same number of active weights, in CPU time.

Forward and backward pass are measured, including the router and its statistics. The backends alternate over several
rounds. The median over rounds of the ratio to the dense network is reported. If there is a GPU, the wall time of the
grouped matrix product is also compared.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from unif2ace.nets.moe.backends.auto import AutoBackend
from unif2ace.nets.moe.backends.base import ExpertBackend
from unif2ace.nets.moe.backends.cpu import CPUBackend
from unif2ace.nets.moe.backends.grouped_mm import GroupedMMBackend
from unif2ace.nets.moe.routed import RoutedExperts, RouterInput
from unif2ace.nets.moe.sequence import SequenceLevel
from unif2ace.types import Condition, Role, SequenceParts, Task, TokenSequence

COMMAND = "python -m benchmarks moe"
ROUNDS, TOP_K = 3, 4
WAYS: dict[str, type[ExpertBackend]] = {"cpu": CPUBackend, "grouped_mm": GroupedMMBackend}
SIZES = {
    "256 wide, 4,096 tokens, 8 experts of 128": (256, 4096, 8, 128),
    "512 wide, 8,192 tokens, 16 experts of 256": (512, 8192, 16, 256),
    "512 wide, 8,192 tokens, 64 experts of 256": (512, 8192, 64, 256),
}
TARGETS = {(16, torch.float32): 0.9, (64, torch.float32): 0.85, (16, torch.bfloat16): 0.9, (64, torch.bfloat16): 0.8}
"""Smallest accepted ratios at a width of 512, by number of experts and dtype."""


class Dense(nn.Module):
    """A dense SwiGLU network without biases."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.into, self.back = nn.Linear(dim, 2 * hidden, bias=False), nn.Linear(hidden, dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        gate, value = self.into(x).chunk(2, -1)
        return self.back(functional.silu(gate) * value)


def main() -> list[dict[str, Any]]:
    """Returns the result rows with figure, value, unit, target and command."""
    torch.manual_seed(0)
    rows = []
    for what, size in SIZES.items():
        for dtype in (torch.float32, torch.bfloat16):
            rows += _experts(what, *size, dtype, "cpu")
    if torch.cuda.is_available():
        rows += _experts("2048 wide, 16,384 tokens, 64 experts of 1,024", 2048, 16384, 64, 1024, torch.bfloat16, "cuda")
    return [*rows, _sequence()]


def _row(figure: str, value: float, unit: str, target: str = "") -> dict[str, Any]:
    return {"figure": figure, "value": value, "unit": unit, "target": target, "command": COMMAND}


def _experts(
    what: str, dim: int, tokens: int, number: int, hidden: int, dtype: torch.dtype, device: str
) -> Iterator[dict[str, Any]]:
    x = torch.randn(1, tokens, dim, device=device, dtype=dtype, requires_grad=True)
    group, real = (
        torch.zeros(1, dtype=torch.int64, device=device),
        torch.ones(1, tokens, dtype=torch.bool, device=device),
    )
    dense = Dense(dim, TOP_K * hidden).to(device, dtype)
    ways: dict[str, Callable[[], Tensor]] = {"dense": lambda: dense(x)}
    nets: list[nn.Module] = [dense]
    chosen = WAYS if device == "cpu" else {"auto": AutoBackend}
    for way, experts in chosen.items():
        routed = RoutedExperts(dim, hidden, number, TOP_K, 1, experts()).to(device, dtype)
        ways[way] = lambda routed=routed: routed(x.flatten(0, 1), [RouterInput(group, real)])[0]
        nets.append(routed)
    times = _seconds(ways, device, nets)
    name = str(dtype).removeprefix("torch.")
    for way in chosen:
        ratio = statistics.median(d / t for d, t in zip(times["dense"], times[way], strict=True))
        least = TARGETS.get((number, dtype)) if dim == 512 and way == "cpu" else None
        target = f">= {least}" if least else ""
        yield _row(f"{way}: speed to a dense network, {name}, {device}, {what}", ratio, "ratio", target)


def _sequence() -> dict[str, Any]:
    """Time of the sequence-level experts relative to a dense network, on 8 sequences of 512 image tokens."""
    batch, length, dim = 8, 512, 512
    x = torch.randn(batch, length, dim, requires_grad=True)
    ids, task = torch.zeros(batch, length, dtype=torch.int64), torch.full((batch,), Task.TEXT_TO_IMAGE)
    role, start = torch.full_like(ids, Role.IMAGE), torch.zeros(batch, dtype=torch.int64)
    sequence = TokenSequence(ids, role, task, ids, None, start, length)
    noise = {"noise": Condition(torch.randn(batch, 1, dim, requires_grad=True), torch.ones(batch, dtype=torch.bool))}
    level = SequenceLevel(dim, ("copy", "zero", "noise", "copy"), ())
    dense = Dense(dim, 2 * dim)
    parts = SequenceParts.of(sequence)
    ways = {"dense": lambda: dense(x), "level": lambda: level(x.flatten(0, 1), parts, noise)[0]}
    times = _seconds(ways, "cpu", [dense, level])
    share = statistics.median(t / d for d, t in zip(times["dense"], times["level"], strict=True))
    return _row("time of the sequence level to a dense network, 512 wide, 8 x 512 tokens", 100 * share, "%", "<= 4")


def _seconds(ways: dict[str, Callable[[], Tensor]], device: str, nets: list[nn.Module]) -> dict[str, list[float]]:
    """Seconds of forward and backward pass in each round: CPU time on the CPU, wall time on a GPU."""
    clock = time.process_time if device == "cpu" else time.perf_counter
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None
    times: dict[str, list[float]] = {way: [] for way in ways}
    for turn in range(ROUNDS + 1):
        for way, run in ways.items():
            for net in nets:
                net.zero_grad()
            wait()
            start = clock()
            run().sum().backward()
            wait()
            if turn:  # the first warms up
                times[way].append(clock() - start)
    return times


if __name__ == "__main__":
    for row in main():
        print(f"{row['figure']}: {row['value']:.3g} {row['unit']} {row['target']}")
