"""Image tokenizers: images per second in training and encoding, eager and compiled, and peak memory on a GPU.

The small network runs on the CPU and is measured in CPU time. The full-size network needs a GPU and is measured in wall
time. A training step consists of forward pass, backward pass and optimiser step, with the reconstruction loss only. The
variants alternate over several rounds, and the median over the rounds is reported. Compilation time is not included.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch

from unif2ace.nets.quantizers.lfq import LFQ
from unif2ace.nets.quantizers.vq import VQ
from unif2ace.nets.tokenizer.base import TokenizerNet, from_uint8
from unif2ace.nets.tokenizer.magvit import MagvitNet
from unif2ace.nets.tokenizer.patch import PatchNet

COMMAND = "python -m benchmarks tokenizer"
ROUNDS = 5


def main() -> list[dict[str, Any]]:
    """Returns the result rows with figure, value, unit, target and command."""
    rows = [*_case("patch", PatchNet(VQ), "cpu", side=64, batch=32)]
    if torch.cuda.is_available():
        for name, checkpoint in (("magvit", False), ("magvit, gradient_checkpointing=true", True)):
            rows += _case(name, MagvitNet(LFQ, gradient_checkpointing=checkpoint), "cuda", side=256, batch=16)
    return rows


def _row(figure: str, value: float, unit: str) -> dict[str, Any]:
    return {"figure": figure, "value": value, "unit": unit, "target": "", "command": COMMAND}


def _case(name: str, net: TokenizerNet, device: str, side: int, batch: int) -> Iterator[dict[str, Any]]:
    """Measures the speed, and on a GPU the peak memory, of a network in bfloat16 autocast and channels-last format."""
    net = net.to(device).to(memory_format=torch.channels_last)
    images = torch.randint(0, 256, (batch, 3, side, side), dtype=torch.uint8, device=device)
    what = f"{name}, {device}, {side} pixels, batch {batch}"
    times: dict[str, list[float]] = {}
    peaks: dict[str, int] = {}
    ways = _ways(net, images)
    for turn in range(ROUNDS + 2):
        for way, run in ways.items():
            seconds, peaks[way] = _measured(run, device)
            if turn > 1:  # the first two compile and warm up
                times.setdefault(way, []).append(seconds)
    for way, seconds in times.items():
        clock = "1/CPU s" if device == "cpu" else "1/s"
        yield _row(f"{way}: {what}", batch / statistics.median(seconds), clock)
        if device == "cuda":
            yield _row(f"peak memory, {way}: {what}", peaks[way] / 2**30, "GiB")


def _ways(net: TokenizerNet, images: torch.Tensor) -> dict[str, Callable[[], Any]]:
    """Functions to measure: training and encoding, eager and compiled, with the same weights."""
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-4)
    compiled = torch.compile(net)

    def step(forward: Callable[..., Any]) -> None:
        net.train()
        image = from_uint8(images)
        with torch.autocast(images.device.type, torch.bfloat16):
            loss = (forward(image)[0].float() - image).abs().mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    def encode(encoding: Callable[[torch.Tensor], torch.Tensor]) -> None:
        net.eval()
        with torch.autocast(images.device.type, torch.bfloat16):
            encoding(images)

    encoding = torch.compile(net.encode)
    return {
        "training": lambda: step(net),
        "training, compiled": lambda: step(compiled),
        "encoding": lambda: encode(net.encode),
        "encoding, compiled": lambda: encode(encoding),
    }


def _measured(run: Callable[[], Any], device: str) -> tuple[float, int]:
    """Seconds per run (CPU time on the CPU, wall time on a GPU), and peak memory in bytes, over a few runs."""
    clock = time.process_time if device == "cpu" else time.perf_counter
    repeats = 3
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        torch.cuda.synchronize()
    start = clock()
    for _ in range(repeats):
        run()
    if device == "cuda":
        torch.cuda.synchronize()
    peak = torch.cuda.max_memory_allocated() if device == "cuda" else 0
    return (clock() - start) / repeats, peak


if __name__ == "__main__":
    for row in main():
        print(f"{row['figure']}: {row['value']:.4g} {row['unit']}")
